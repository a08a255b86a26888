"""The one scheduler: what is due is taken, marked and published.

Deliveries that are scheduled, or whose sender died (those whose job was lost: `lost_jobs`);
notifications that were held or snoozed; slices whose message was lost. Any number of notifiers run
it at once: rows are taken with `SKIP LOCKED`, a few hundred a transaction. Each kind has a loop of
its own: one that is always too slow, or whose table is locked, keeps no other from its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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

NEXT_DUE = "SELECT extract(epoch FROM ({earliest}) - clock_timestamp())::float8"
"""In seconds, by the clock that will say that it is due."""

EARLIEST_DELIVERY = """
SELECT least((SELECT min(due_at) FROM deliveries WHERE lane = 'urgent' AND state IN ({due})),
             (SELECT min(due_at) FROM deliveries WHERE lane = 'normal' AND state IN ({due})))
"""
EARLIEST_NOTIFICATION = """
SELECT min(due_at) FROM notifications
WHERE due_at <= now() + interval '{tick_s} s' AND snoozed_until IS {snoozed}
"""
"""Within the longest wait: one index has both kinds, and all that are later are not looked at."""

EARLIEST_SLICE = "SELECT min(due_at) FROM slices WHERE due_at IS NOT NULL"

ALL_DUE = found_in(DISPATCH)
NOT_QUEUED = found_in(DISPATCH, State.SCHEDULED, State.SENDING)

Take = Callable[[Driver, int], Awaitable[Released]]


@dataclass(frozen=True, slots=True)
class DueWork:
    """One kind of it."""

    name: str
    take: Callable[[], Awaitable[int]]
    """Takes and publishes at most `LIMIT` rows; how many."""
    next_due: str


class Dispatcher:
    """Wakes at the next `due_at`, and every `TICK_S` for what others scheduled meanwhile."""

    def __init__(
        self, database: Database, publisher: Publisher, *, leave_queued: bool = False
    ) -> None:
        """`leave_queued`: what is queued is watched by its senders (`lost_jobs`), who know whether
        its job was lost; else it is published again once it is due."""
        due = NOT_QUEUED if leave_queued else ALL_DUE
        self._take_deliveries = statement(TAKE_DELIVERIES, due=due, mark=MARK_DUE)
        self._database = database
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self.kinds = [
            DueWork(name, take, statement(NEXT_DUE, earliest=earliest))
            for name, take, earliest in (
                ("delivery", self._deliveries, statement(EARLIEST_DELIVERY, due=due)),
                ("notification", self._released, _earliest_notification(snoozed="NULL")),
                ("snoozed", self._woken, _earliest_notification(snoozed="NOT NULL")),
                ("slice", self._slices, EARLIEST_SLICE),
            )
        ]

    async def run(self) -> None:
        """Dispatch until `stop`; whatever fails is tried again."""
        async with asyncio.TaskGroup() as group:
            for kind in self.kinds:
                group.create_task(self._run(kind))

    async def stop(self) -> None:
        """Take no more; a round that is under way is finished."""
        self._stopping.set()

    async def dispatch_due(self) -> int:
        """Take and publish all that is due now; how many rows that were."""
        return sum([await self._all_of(kind) for kind in self.kinds])

    async def _run(self, kind: DueWork) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._all_of(kind)
                wait_s = await self.until_next_s(kind)
                failures = 0
            except Exception as error:
                failures += 1
                metrics.DISPATCH_HELD.labels(kind.name).inc()
                if isinstance(error, BusUnavailable) or is_condition(error):
                    log.warning("dispatch_held", kind=kind.name, error=type(error).__name__)
                else:  # raised, it would end the loops of the other kinds
                    log.exception("dispatch_failed", kind=kind.name)
                wait_s = min(MAX_WAIT_S, backoff_s(failures))
            await self._sleep(wait_s)

    async def _all_of(self, kind: DueWork) -> int:
        total = 0
        while not self._stopping.is_set():
            taken = await kind.take()
            total += taken
            if taken < LIMIT:
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

    async def _released(self) -> int:
        return await self._notifications("notification", release_due)

    async def _woken(self) -> int:
        return await self._notifications("snoozed", wake_due)

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

    async def until_next_s(self, kind: DueWork) -> float:
        """How long until some of it is due, at most `TICK_S`."""
        async with self._database.driver() as tx:
            seconds: float | None = await tx.fetchval(kind.next_due)
        return TICK_S if seconds is None else min(TICK_S, max(LEAST_WAIT_S, seconds))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _earliest_notification(*, snoozed: str) -> str:
    return statement(EARLIEST_NOTIFICATION, tick_s=f"{TICK_S}", snoozed=snoozed)


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
