"""Plan: a batch of events becomes rows in one transaction.

    claim keys -> resolve workflows -> count audiences -> describe recipients -> open topics
               -> decide -> take inboxes -> write

A crash before the commit leaves the messages in their queue; after it, the second reading finds
the keys taken and reads back what the first wrote. What is to be published afterwards is the
`Outbox` that each step returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clarion.contracts.envelope import Entry
from clarion.contracts.job import Job
from clarion.contracts.slice import SLICE_SIZE, Slice
from clarion.records.addresses import look_up
from clarion.store.database import Database
from clarion.telemetry.trace import continue_trace
from services.notifier import metrics
from services.notifier.drafts import Draft, EventDraft
from services.notifier.fail_points import reach
from services.notifier.messages.parser import Malformed
from services.notifier.parking.park import body_only, park, park_event
from services.notifier.plan.audience import (
    Audience,
    open_topics,
    people_with_addresses,
)
from services.notifier.plan.claim import (
    BatchClaims,
    Duplicate,
    EventKey,
    claim_keys,
    key_of,
    record_duplicates,
)
from services.notifier.plan.counts import count_audiences
from services.notifier.plan.describe import describe_recipients
from services.notifier.plan.drafting import (
    draft_notifications,
    resolve_workflows,
    without_cancelled,
)
from services.notifier.plan.slices import open_slices, park_slice, plan_slice
from services.notifier.plan.write import (
    stamp_versions,
    write_deliveries,
    write_events,
    write_notifications,
)
from services.notifier.publish.outbox import Outbox

MAX_NOTIFICATIONS = 2_000
"""Of one transaction; a single event has at most `SLICE_SIZE`."""


NOW = "SELECT now()"
"""Every notifier plans by the one clock of the database, whatever its own says."""


class BatchTooLarge(Exception):
    """The events of a batch are for more people than one transaction takes: for `sizes` of them,
    in order, and `most` may be planned together. Nobody was read or written yet."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = sizes
        self.most = MAX_NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one lane that are planned together, and what came with them that is malformed."""

    lane: str
    queue: str
    entries: Sequence[Entry]
    malformed: Sequence[Malformed] = ()
    redelivered: frozenset[EventKey] = frozenset()
    """Those that were given out before: what they wrote may not have been announced."""


class Planner:
    """Plans batches. `carried` are the channels that have a provider."""

    def __init__(self, database: Database, *, carried: frozenset[str]) -> None:
        self._database = database
        self._carried = carried

    async def plan(self, batch: Batch) -> Outbox:
        """Write all that follows from `batch`, committed when this returns.

        Raises `StoreUnavailable` where the database is away, `BatchTooLarge`, and whatever a
        poisonous event makes PostgreSQL or a step raise; nothing was written then.
        """
        with metrics.PLAN_SECONDS.labels(batch.lane).time():
            return await self._plan(batch)

    async def plan_slice(
        self, slice_: Slice, *, is_redelivered: bool = False, failures: int = 0
    ) -> Outbox:
        """Plan the members of one slice and open the next; errors as `plan`. After each failure it
        is for a quarter of the members."""
        size = max(1, SLICE_SIZE >> (2 * failures))
        async with self._database.driver() as tx:
            now: datetime = await tx.fetchval(NOW)
            drafts, outbox = await plan_slice(
                tx, slice_, size=size, again=is_redelivered, carried=self._carried, now=now
            )
            reach("slice.before_commit")
        reach("slice.after_commit")
        if drafts:
            metrics.NOTIFICATIONS.labels(drafts[0].event.workflow.lane).inc(len(drafts))
            _add_drafts(outbox, drafts, now)
        return outbox

    async def park_event(self, batch: Batch, error: Exception) -> None:
        """Park the one event of `batch`, with what came with it."""
        async with self._database.driver() as tx:
            await park(tx, batch.queue, batch.malformed)
            now: datetime = await tx.fetchval(NOW)
            await park_event(tx, batch.queue, batch.entries[0], batch.lane, error, now)
        metrics.EVENTS.labels(batch.lane, "parked").inc()

    async def park_slice(self, slice_: Slice, queue: str, error: Exception) -> None:
        """Park a slice that cannot be planned; those after it are not planned either."""
        async with self._database.driver() as tx:
            await park_slice(tx, slice_, queue, error)

    async def park_unstorable(self, queue: str, malformed: Sequence[Malformed]) -> None:
        """Park what could not be kept as it came: its bytes, its queue and why."""
        async with self._database.driver() as tx:
            await park(tx, queue, [body_only(part) for part in malformed])

    async def _plan(self, batch: Batch) -> Outbox:
        async with self._database.driver() as tx:
            await park(tx, batch.queue, batch.malformed)
            claims = await claim_keys(tx, batch.entries)
            now: datetime = claims.now or await tx.fetchval(NOW)
            fresh = resolve_workflows(claims.fresh, batch.lane)
            events = without_cancelled(fresh)
            audiences = await count_audiences(tx, events)
            _check_size(batch, events, audiences)
            await describe_recipients(tx, events)
            await open_topics(tx, events, audiences)
            directory = await look_up(tx, people_with_addresses(events, audiences))
            drafts = draft_notifications(
                events, audiences, directory, carried=self._carried, now=now
            )
            await stamp_versions(tx, drafts)
            await write_events(tx, fresh, now)
            await write_notifications(tx, drafts, now)
            await write_deliveries(tx, drafts, now)
            slices = await open_slices(tx, fresh, now)
            first_repeats = await record_duplicates(tx, claims.duplicates, now)
            reach("plan.before_commit")
        reach("plan.after_commit")
        _count(batch.lane, fresh, drafts, claims.duplicates)
        unannounced = _unannounced(batch, claims, first_repeats)
        return _outbox(drafts, slices, unannounced, now)


def _check_size(batch: Batch, events: Sequence[EventDraft], audiences: Sequence[Audience]) -> None:
    if len(batch.entries) < 2 or sum(audience.size for audience in audiences) <= MAX_NOTIFICATIONS:
        return
    sizes = {
        id(event.entry): audience.size for event, audience in zip(events, audiences, strict=True)
    }
    raise BatchTooLarge([sizes.get(id(entry), 0) for entry in batch.entries])


def _unannounced(batch: Batch, claims: BatchClaims, first_repeats: set[UUID]) -> list[Duplicate]:
    """Events planned earlier whose frames and jobs may not be out: those given out before, for
    their first reader may have died. Of a caller's repeats the first is answered as well, in case
    of what nobody thought of, and no other: they may be any number."""
    ours = {event.uid for event in claims.fresh}
    return [
        duplicate
        for duplicate in claims.duplicates
        if duplicate.uid not in ours
        and (duplicate.uid in first_repeats or key_of(duplicate.entry) in batch.redelivered)
    ]


def _outbox(
    drafts: list[Draft],
    slices: list[tuple[str, Slice]],
    duplicates: Sequence[Duplicate],
    now: datetime,
) -> Outbox:
    outbox = Outbox(
        slices=slices, duplicates=list(dict.fromkeys(duplicate.uid for duplicate in duplicates))
    )
    _add_drafts(outbox, drafts, now)
    return outbox


def _add_drafts(outbox: Outbox, drafts: Sequence[Draft], now: datetime) -> None:
    outbox.drafts = drafts
    outbox.created_at = now
    for draft in drafts:
        for delivery in draft.deliveries:
            if delivery.until is None:
                trace = continue_trace(draft.event.entry.traceparent)
                outbox.add_job(delivery.channel, draft.event.workflow.lane, Job(delivery.id, trace))


def _count(
    lane: str,
    fresh: Sequence[EventDraft],
    drafts: Sequence[Draft],
    duplicates: Sequence[Duplicate],
) -> None:
    metrics.EVENTS.labels(lane, "planned").inc(len(fresh))
    metrics.EVENTS.labels(lane, "duplicate").inc(len(duplicates))
    metrics.NOTIFICATIONS.labels(lane).inc(len(drafts))
