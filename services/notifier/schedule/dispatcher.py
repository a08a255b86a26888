"""The one scheduler: what is due is taken, marked and published.

Deliveries that are scheduled, or whose sender died (those whose job was lost: `lost_jobs`);
notifications that were held or snoozed; slices whose message was lost. Any number of notifiers run
it at once: rows are taken with `SKIP LOCKED`, a few hundred a transaction. Each kind has a loop of
its own: one whose table is locked keeps no other from its turn. What is always too slow keeps no
row beside it from its turn: see `due_rows`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from clarion.errors import BusUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.records.deliveries import found_in, statement
from clarion.rules.delivery_states import DISPATCH, State
from clarion.store.database import Database, Driver
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.failures import TookTooLong, is_condition
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.publish.readback import slice_from
from services.notifier.schedule.due_deliveries import FIND_DUE, counted, publish_marked, taking
from services.notifier.schedule.due_rows import DueRows, Portion
from services.notifier.schedule.release import FIRST_HELD, Released, confirm_release, release_due
from services.notifier.schedule.snooze_returns import FIRST_SNOOZED, wake_due

log = structlog.get_logger("clarion.notifier")

LIMIT = 500
"""Rows of one kind in one transaction."""

LANES_IN_ORDER = ("urgent", "normal")
"""Normal deliveries are taken once no urgent one is due."""

TICK_S = 1.0
LEAST_WAIT_S = 0.02
"""Between rounds, where what is due is taken by another."""
MAX_WAIT_S = 5.0

FIND_SLICES = """
SELECT event, tenant, topic, after FROM slices
WHERE due_at <= now() AND event <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""
TAKE_SLICES = statement(
    """
WITH due AS ({found} FOR UPDATE SKIP LOCKED)
UPDATE slices s SET due_at = now() + $4
FROM due WHERE (s.event, s.topic, s.after) = (due.event, due.topic, due.after)
RETURNING s.event, s.topic, s.after, s.lane, s.trace_id
""",
    found=FIND_SLICES,
)

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

Take = Callable[[Driver, Portion], Awaitable[Released]]


@dataclass(frozen=True, slots=True)
class DueWork:
    """One kind of it."""

    name: str
    rows: DueRows
    take: Callable[[DueRows], Awaitable[int]]
    """Takes and publishes what one round may take; how many rows."""
    next_due: str


class Dispatcher:
    """Wakes at the next `due_at`, and every `TICK_S` for what others scheduled meanwhile."""

    def __init__(
        self, database: Database, publisher: Publisher, *, leave_queued: bool = False
    ) -> None:
        """`leave_queued`: what is queued is watched by its senders (`lost_jobs`), who know whether
        its job was lost; else it is published again once it is due."""
        due = NOT_QUEUED if leave_queued else ALL_DUE
        self.find_deliveries = statement(FIND_DUE, due=due)
        self._take_deliveries = taking(self.find_deliveries, again="$5")
        self._database = database
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self.kinds = [
            DueWork(
                name,
                DueRows(name, database, LIMIT),
                take,
                statement(NEXT_DUE, earliest=earliest),
            )
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
            except TookTooLong as error:  # the next round takes less, or other rows
                metrics.DISPATCH_HELD.labels(kind.name).inc()
                log.warning("dispatch_held", kind=kind.name, error=str(error))
                wait_s = LEAST_WAIT_S
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
            limit = kind.rows.limit
            taken = await kind.take(kind.rows)
            total += taken
            if taken < limit:
                break
        return total

    async def _deliveries(self, due: DueRows) -> int:
        async def take(tx: Driver, which: Portion, query: str, *more: object) -> list[Any]:
            rows: list[Any] = []
            for lane in LANES_IN_ORDER:
                if room := which.limit - len(rows):
                    rows += await tx.fetch(query, *which._replace(limit=room), lane, *more)
            return rows

        rows = await due.take(
            lambda tx, which: take(tx, which, self._take_deliveries, PUBLISH_AGAIN_AFTER),
            lambda tx, which: take(tx, which, self.find_deliveries),
        )
        return await publish_marked(self._publisher, rows, "delivery")

    async def _released(self, due: DueRows) -> int:
        return await self._notifications("notification", due, release_due, FIRST_HELD)

    async def _woken(self, due: DueRows) -> int:
        return await self._notifications("snoozed", due, wake_due, FIRST_SNOOZED)

    async def _notifications(self, kind: str, due: DueRows, take: Take, first: str) -> int:
        released = await due.take(take, lambda tx, which: tx.fetch(first, *which))
        if released.ids:
            reach("release.after_commit")
            await self._publisher.publish(Outbox(frames=released.frames))
            reach("release.after_publish")
            await self._database.run(lambda tx: confirm_release(tx, released.ids))
        return counted(kind, released.taken)

    async def _slices(self, due: DueRows) -> int:
        rows: Any = await due.take(
            lambda tx, which: tx.fetch(TAKE_SLICES, *which, PUBLISH_AGAIN_AFTER),
            lambda tx, which: tx.fetch(FIND_SLICES, *which),
        )
        await self._publisher.publish(Outbox(slices=[slice_from(row) for row in rows]))
        return counted("slice", len(rows))

    async def until_next_s(self, kind: DueWork) -> float:
        """How long until some of it is due, at most `TICK_S`."""
        async with self._database.driver() as tx:
            seconds: float | None = await tx.fetchval(kind.next_due)
        if seconds is None or kind.rows.passes_over():
            return TICK_S
        return min(TICK_S, max(LEAST_WAIT_S, seconds))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _earliest_notification(*, snoozed: str) -> str:
    return statement(EARLIEST_NOTIFICATION, tick_s=f"{TICK_S}", snoozed=snoozed)
