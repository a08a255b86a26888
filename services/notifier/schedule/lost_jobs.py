"""Publishes lost jobs again, and no others.

A queued delivery waits for its job, however long the queue is; periodic republishing would make the
queue longer than the work. A job counts as lost if:

- the senders of its queue are connected and idle and receive nothing: then deliveries that have
been
  queued for a while have no job in the queue;
- the queue has reached jobs that were published much later: a queue keeps its order.

A delivery in the hands of another sender may look lost to an idle one. That is harmless: the claim
lets only one of them send.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import structlog

from clarion.bus.protocol import Bus
from clarion.errors import BusUnavailable
from clarion.records.deliveries import found_in, statement
from clarion.rules.delivery_states import DISPATCH, State
from clarion.store.database import Database
from services.notifier.deliver.sender import Sender
from services.notifier.failures import TookTooLong, is_transient
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.due_deliveries import publish_marked, taking
from services.notifier.schedule.due_rows import DueRows

log = structlog.get_logger("clarion.notifier")

LOOK_S = 2.0
IDLE_S = 2.0
"""How long a connected sender must receive nothing."""

OVERTAKEN_BY = timedelta(minutes=5)
"""How much later the reached job must have been published: other senders may hold older ones."""

FIND_LOST = statement(
    """
SELECT id, tenant FROM deliveries
WHERE lane = $4 AND channel = $5 AND state IN ({queued}) AND due_at <= least(now(), $6)
  AND id <> ALL($7::uuid[]) AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
""",
    queued=found_in(DISPATCH, State.QUEUED),
)
TAKE_LOST = taking(FIND_LOST, again="$8")


class LostJobs:
    """Watches the queue of one sender."""

    def __init__(self, sender: Sender, *, bus: Bus, database: Database, publisher: Publisher):
        self._sender = sender
        self._bus = bus
        self._publisher = publisher
        self._due = DueRows("lost", database)
        self._connected_since: float | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Check every `LOOK_S` until `stop`."""
        while not self._stopping.is_set():
            try:
                await self.look()
            except Exception as error:
                if not isinstance(error, BusUnavailable | TookTooLong) and not is_transient(error):
                    raise
                log.warning("lost_jobs_retried", error=type(error).__name__)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def look(self) -> int:
        """Publish lost jobs; returns their number."""
        if self._is_idle():
            return await self._publish_again(None)
        if self._sender.reached is not None:
            return await self._publish_again(self._sender.reached - OVERTAKEN_BY)
        return 0

    def _is_idle(self) -> bool:
        now = time.monotonic()
        if not self._bus.status().can_consume:
            self._connected_since = None
            return False
        if self._connected_since is None:
            self._connected_since = now
        return min(now - self._connected_since, self._sender.idle_s(now)) >= IDLE_S

    async def _publish_again(self, due_before: Any) -> int:
        lane, channel, total = self._sender.lane, self._sender.channel, 0
        while not self._stopping.is_set():
            limit = self._due.limit
            whose = lane, channel, due_before, list(self._sender.waiting)
            rows = await self._take(*whose)
            if rows:
                log.warning("jobs_lost", channel=channel, lane=lane, jobs=len(rows))
                await publish_marked(self._publisher, rows, "lost")
            total += len(rows)
            if len(rows) < limit:
                break
        return total

    async def _take(self, *whose: Any) -> list[Any]:
        return await self._due.take(
            lambda tx, which: tx.fetch(TAKE_LOST, *which, *whose, PUBLISH_AGAIN_AFTER),
            lambda tx, which: tx.fetch(FIND_LOST, *which, *whose),
        )
