"""Plan: a batch of events becomes rows in one transaction.

    claim keys -> resolve workflows -> count audiences -> describe recipients -> open topics
               -> decide -> take inboxes -> write

After a crash before the commit the messages are still queued. After a crash behind it the next
reader finds the idempotency keys taken and reads back the rows. The messages to publish after the
commit are the `Outbox` that is returned.
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
"""Notifications of one transaction; a single event has at most `SLICE_SIZE`."""


NOW = "SELECT now()"
"""All notifiers plan by the clock of the database, not their own."""


class BatchTooLarge(Exception):
    """The audiences of a batch exceed one transaction: their `sizes` are in the order of the
    events, and at most `most` may be planned together. No row was written."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = sizes
        self.most = MAX_NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one lane that are planned together, with the malformed parts of their messages."""

    lane: str
    queue: str
    entries: Sequence[Entry]
    malformed: Sequence[Malformed] = ()
    redelivered: frozenset[EventKey] = frozenset()
    """Redelivered events: their rows may exist without having been announced."""


class Planner:
    """Plans batches. `carried` are the channels that have a provider."""

    def __init__(self, database: Database, *, carried: frozenset[str]) -> None:
        self._database = database
        self._carried = carried

    async def plan(self, batch: Batch) -> Outbox:
        """Plan `batch` and commit; returns the messages to publish.

        Raises `StoreUnavailable`, `BatchTooLarge`, and any error that a poison event causes; then
        nothing was written.
        """
        with metrics.PLAN_SECONDS.labels(batch.lane).time():
            return await self._plan(batch)

    async def plan_slice(
        self, slice_: Slice, *, is_redelivered: bool = False, failures: int = 0
    ) -> Outbox:
        """Plan the members of one slice and open the next; errors as `plan`. Each failure divides
        the number of members by four."""
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
        """Dead-letter the single event of `batch`, with its malformed parts."""
        async with self._database.driver() as tx:
            await park(tx, batch.queue, batch.malformed)
            now: datetime = await tx.fetchval(NOW)
            await park_event(tx, batch.queue, batch.entries[0], batch.lane, error, now)
        metrics.EVENTS.labels(batch.lane, "parked").inc()

    async def park_slice(self, slice_: Slice, queue: str, error: Exception) -> None:
        """Dead-letter a slice that cannot be planned; the slices after it are not planned
        either."""
        async with self._database.driver() as tx:
            await park_slice(tx, slice_, queue, error)

    async def park_unstorable(self, queue: str, malformed: Sequence[Malformed]) -> None:
        """Dead-letter parts that cannot be stored whole: body, queue and reason."""
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
    """Planned events whose frames and jobs may not be published: redelivered ones, whose first
    reader may have died. The first repeat by a caller is read back as a precaution; later repeats
    are not, since their number is unbounded."""
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
