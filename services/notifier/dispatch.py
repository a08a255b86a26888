"""The one scheduler: what is due is taken, marked and published.

Deliveries that are scheduled, or whose sender died (those whose job was lost: `lost_jobs`);
notifications that were held or snoozed; slices whose message was lost. Any number of notifiers run
it at once: rows are taken with `SKIP LOCKED`, a few hundred a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from clarion.contracts.job import Job
from clarion.errors import BusUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database, Driver
from clarion.store.delivery_states import DISPATCH, EXPIRE, State, found_in, move, statement
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.failures import is_condition
from services.notifier.outbox import Outbox, Publisher
from services.notifier.plan.readback import slice_from, traceparent_from
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.release import Released, confirm_release, release_due
from services.notifier.wake import wake_due

log = structlog.get_logger("clarion.notifier")

LIMIT = 500
"""Rows of one kind in one transaction."""

LANES_IN_ORDER = ("urgent", "normal")
"""Normal deliveries are taken once no urgent one is due."""

TICK_S = 1.0
LEAST_WAIT_S = 0.02
"""Between rounds, where what is due is taken by another."""
MAX_WAIT_S = 5.0

MARK_DUE = statement(
    """
UPDATE deliveries d
SET state = CASE WHEN d.expires_at <= now() THEN '{expired}' ELSE '{queued}' END,
    reason = CASE WHEN d.expires_at <= now() THEN 'expired' ELSE d.reason END,
    due_at = CASE WHEN d.expires_at <= now() THEN NULL ELSE now() + $2 END,
    leased_until = NULL, updated_at = now()
FROM due WHERE d.id = due.id
RETURNING d.id, d.channel, d.lane, d.state, d.trace_id
""",
    queued=move(DISPATCH, State.SCHEDULED, State.QUEUED),
    expired=move(EXPIRE, State.SCHEDULED, State.EXPIRED),
)
"""Of the deliveries in `due`: those that are published next, $2 from now again."""

TAKE_DELIVERIES = """
WITH due AS (
  SELECT id FROM deliveries
  WHERE lane = $3 AND state IN ({due}) AND due_at <= now()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
{mark}
"""

TAKE_SLICES = """
WITH due AS (
  SELECT event, topic, after FROM slices WHERE due_at <= now()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE slices s SET due_at = now() + $2
FROM due WHERE (s.event, s.topic, s.after) = (due.event, due.topic, due.after)
RETURNING s.event, s.topic, s.after, s.lane, s.trace_id
"""

NEXT_DUE = """
SELECT extract(epoch FROM least(
  (SELECT min(due_at) FROM deliveries
   WHERE lane = 'urgent' AND state IN ({due})),
  (SELECT min(due_at) FROM deliveries
   WHERE lane = 'normal' AND state IN ({due})),
  (SELECT min(due_at) FROM notifications WHERE due_at IS NOT NULL),
  (SELECT min(due_at) FROM slices WHERE due_at IS NOT NULL)) - clock_timestamp())::float8
"""
"""In seconds, by the clock that will say that it is due."""

ALL_DUE = found_in(DISPATCH)
NOT_QUEUED = found_in(DISPATCH, State.SCHEDULED, State.SENDING)

Take = Callable[[Driver, int], Awaitable[Released]]


class Dispatcher:
    """Wakes at the next `due_at`, and every `TICK_S` for what others scheduled meanwhile."""

    def __init__(
        self, database: Database, publisher: Publisher, *, leave_queued: bool = False
    ) -> None:
        """`leave_queued`: what is queued is watched by its senders (`lost_jobs`), who know whether
        its job was lost; else it is published again once it is due."""
        due = NOT_QUEUED if leave_queued else ALL_DUE
        self._take_deliveries = statement(TAKE_DELIVERIES, due=due, mark=MARK_DUE)
        self._next_due = statement(NEXT_DUE, due=due)
        self._database = database
        self._publisher = publisher
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Dispatch until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self.dispatch_due()
                wait_s = await self._until_next_s()
                failures = 0
            except Exception as error:
                if not isinstance(error, BusUnavailable) and not is_condition(error):
                    raise
                failures += 1
                log.warning("dispatch_held", error=type(error).__name__)
                wait_s = min(MAX_WAIT_S, backoff_s(failures))
            await self._sleep(wait_s)

    async def stop(self) -> None:
        """Take no more; a round that is under way is finished."""
        self._stopping.set()

    async def dispatch_due(self) -> int:
        """Take and publish all that is due now; how many rows that were."""
        total = 0
        while not self._stopping.is_set():
            taken = [
                await self._deliveries(),
                await self._notifications("notification", release_due),
                await self._notifications("snoozed", wake_due),
                await self._slices(),
            ]
            total += sum(taken)
            if max(taken) < LIMIT:
                break
        return total

    async def _deliveries(self) -> int:
        rows: list[Any] = []
        async with self._database.driver() as tx:
            for lane in LANES_IN_ORDER:
                room = LIMIT - len(rows)
                if room:
                    rows += await tx.fetch(self._take_deliveries, room, PUBLISH_AGAIN_AFTER, lane)
        return await publish_marked(self._publisher, rows, "delivery")

    async def _notifications(self, kind: str, take: Take) -> int:
        released = await self._database.run(lambda tx: take(tx, LIMIT))
        if released.ids:
            reach("release.after_commit")
            await self._publisher.publish(Outbox(frames=released.frames))
            reach("release.after_publish")
            await self._database.run(lambda tx: confirm_release(tx, released.ids))
        return _counted(kind, released.taken)

    async def _slices(self) -> int:
        async with self._database.driver() as tx:
            rows: Any = await tx.fetch(TAKE_SLICES, LIMIT, PUBLISH_AGAIN_AFTER)
        await self._publisher.publish(Outbox(slices=[slice_from(row) for row in rows]))
        return _counted("slice", len(rows))

    async def _until_next_s(self) -> float:
        async with self._database.driver() as tx:
            seconds: float | None = await tx.fetchval(self._next_due)
        return TICK_S if seconds is None else min(TICK_S, max(LEAST_WAIT_S, seconds))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


async def publish_marked(publisher: Publisher, rows: Sequence[Any], kind: str) -> int:
    """Publish the jobs of what `MARK_DUE` has marked, which is committed; how many rows."""
    outbox = Outbox()
    for row in rows:
        if row["state"] == State.QUEUED:
            job = Job(row["id"], traceparent_from(row["trace_id"]))
            outbox.add_job(row["channel"], row["lane"], job)
        else:
            metrics.ENDED.labels(row["channel"], row["state"]).inc()
    if outbox.jobs:
        reach("dispatch.after_commit")
        await publisher.publish(outbox)
        reach("dispatch.after_publish")
    return _counted(kind, len(rows))


def _counted(kind: str, rows: int) -> int:
    if rows:
        metrics.DISPATCHED.labels(kind).inc(rows)
    return rows
