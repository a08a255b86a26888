"""Plan: a batch of events becomes rows in one transaction.

    claim keys -> describe recipients -> open topics -> decide -> take inboxes -> write

A crash before the commit leaves the messages in their queue; after it, the second reading finds
the keys taken and reads back what the first wrote. What is to be published afterwards is the
`Outbox` that each step returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clarion.contracts.envelope import Entry
from clarion.contracts.job import Job
from clarion.contracts.slice import Slice
from clarion.store.database import Database
from clarion.telemetry.trace import continue_trace
from services.notifier import metrics
from services.notifier.decide import Subscriber, nobody
from services.notifier.fail_points import reach
from services.notifier.intake import Malformed
from services.notifier.outbox import Outbox
from services.notifier.plan.audience import (
    Audience,
    Person,
    call_off,
    look_up,
    open_topics,
    people_with_addresses,
)
from services.notifier.plan.claim import Duplicate, claim_keys, record_duplicates
from services.notifier.plan.describe import describe_recipients
from services.notifier.plan.drafts import Draft, EventDraft, draft_for
from services.notifier.plan.park import park, park_event
from services.notifier.plan.slices import open_slices, park_slice, plan_slice
from services.notifier.plan.write import (
    stamp_versions,
    write_deliveries,
    write_events,
    write_notifications,
)

MAX_NOTIFICATIONS = 2_000
"""Of one transaction; a single event has at most `SLICE_SIZE`."""


class BatchTooLarge(Exception):
    """The events of a batch are for more people than one transaction takes: halve it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one lane that are planned together, and what came with them that is malformed."""

    lane: str
    queue: str
    entries: Sequence[Entry]
    malformed: Sequence[Malformed] = ()

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches that hold the same; what is malformed goes with the first."""
        middle = len(self.entries) // 2
        return (
            Batch(self.lane, self.queue, self.entries[:middle], self.malformed),
            Batch(self.lane, self.queue, self.entries[middle:]),
        )


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
            return await self._plan(batch, datetime.now(UTC))

    async def plan_slice(self, piece: Slice) -> Outbox:
        """Plan the members of one slice and open the next; errors as `plan`."""
        now = datetime.now(UTC)
        async with self._database.driver() as tx:
            drafts, outbox = await plan_slice(tx, piece, carried=self._carried, now=now)
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
            now = datetime.now(UTC)
            await park_event(tx, batch.queue, batch.entries[0], batch.lane, error, now)
        metrics.EVENTS.labels(batch.lane, "parked").inc()

    async def park_slice(self, piece: Slice, queue: str, error: Exception) -> None:
        """Park a slice that cannot be planned; those after it are not planned either."""
        async with self._database.driver() as tx:
            await park_slice(tx, piece, queue, error)

    async def _plan(self, batch: Batch, now: datetime) -> Outbox:
        async with self._database.driver() as tx:
            await park(tx, batch.queue, batch.malformed)
            claims = await claim_keys(tx, batch.entries, batch.lane)
            events = _not_cancelled(claims.fresh)
            await describe_recipients(tx, events)
            audiences = await open_topics(tx, events)
            _check_size(batch, audiences)
            people = await look_up(tx, people_with_addresses(events, audiences))
            drafts = self._decide(events, audiences, people, now)
            await stamp_versions(tx, drafts)
            await write_events(tx, claims.fresh, now)
            await write_notifications(tx, drafts, now)
            await write_deliveries(tx, drafts, now)
            slices = await open_slices(tx, claims.fresh, now)
            await record_duplicates(tx, claims.duplicates, now)
            reach("plan.before_commit")
        reach("plan.after_commit")
        _count(batch.lane, claims.fresh, drafts, claims.duplicates)
        return _outbox(drafts, slices, _planned_earlier(claims.fresh, claims.duplicates), now)

    def _decide(
        self,
        events: Sequence[EventDraft],
        audiences: Sequence[Audience],
        people: dict[Person, Subscriber],
        now: datetime,
    ) -> list[Draft]:
        drafts: list[Draft] = []
        for event, audience in zip(events, audiences, strict=True):
            tenant = event.entry.tenant
            if audience.topics:
                event.first_slice = audience.topics[0]
            elif not audience.people:
                event.unreached.append({"subscriber": None, "decisions": nobody(event.workflow)})
            for name in audience.people:
                subscriber = people.get((tenant, name)) or Subscriber(name)
                draft = draft_for(event, subscriber, carried=self._carried, now=now)
                if draft.in_inbox or draft.deliveries:
                    drafts.append(draft)
                else:
                    event.unreached.append({"subscriber": name, "decisions": draft.decisions})
        return drafts


def _not_cancelled(fresh: Sequence[EventDraft]) -> list[EventDraft]:
    for event in fresh:
        if event.cancelled:
            call_off(event)
    return [event for event in fresh if not event.cancelled]


def _check_size(batch: Batch, audiences: Sequence[Audience]) -> None:
    total = sum(len(audience.people) for audience in audiences)
    if total > MAX_NOTIFICATIONS and len(batch.entries) > 1:
        raise BatchTooLarge


def _planned_earlier(
    fresh: Sequence[EventDraft], duplicates: Sequence[Duplicate]
) -> list[Duplicate]:
    ours = {event.uid for event in fresh}
    return [one for one in duplicates if one.uid not in ours]


def _outbox(
    drafts: list[Draft],
    slices: list[tuple[str, Slice]],
    duplicates: Sequence[Duplicate],
    now: datetime,
) -> Outbox:
    outbox = Outbox(slices=slices, duplicates=list(dict.fromkeys(one.uid for one in duplicates)))
    _add_drafts(outbox, drafts, now)
    return outbox


def _add_drafts(outbox: Outbox, drafts: Sequence[Draft], now: datetime) -> None:
    outbox.drafts = drafts
    outbox.created_at = now
    for draft in drafts:
        if draft.held_until is None:
            for delivery in draft.deliveries:
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
