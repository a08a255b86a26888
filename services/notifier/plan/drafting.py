"""Drafts: the workflow of each event, and the decisions for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from clarion.records import workflows
from clarion.records.inboxes import Person
from clarion.rules.decide import skip_all
from clarion.rules.recipient_addresses import NO_ADDRESSES, Addresses
from clarion.telemetry.trace import trace_id_of
from services.notifier.drafts import Draft, EventDraft, data_of, draft_for
from services.notifier.plan.audience import Audience, answer_cancelled
from services.notifier.plan.claim import ClaimedEvent


def resolve_workflows(fresh: Sequence[ClaimedEvent], lane: str) -> list[EventDraft]:
    """The events with their workflows."""
    return [
        EventDraft(
            uid,
            entry,
            workflows.resolve(entry.tenant, entry.event, lane=lane),
            data_of(entry.event),
            trace_id_of(entry.traceparent),
            cancelled,
        )
        for uid, entry, cancelled in fresh
    ]


def without_cancelled(fresh: Sequence[EventDraft]) -> list[EventDraft]:
    """The events to plan; the decisions on cancelled ones are recorded here."""
    for event in fresh:
        if event.cancelled:
            answer_cancelled(event)
    return [event for event in fresh if not event.cancelled]


def draft_notifications(
    events: Sequence[EventDraft],
    audiences: Sequence[Audience],
    directory: dict[Person, Addresses],
    *,
    carried: frozenset[str],
    now: datetime,
) -> list[Draft]:
    """Decide for every recipient. Recipients who get nothing are recorded on the event."""
    drafts: list[Draft] = []
    for event, audience in zip(events, audiences, strict=True):
        tenant = event.entry.tenant
        if audience.topics:
            event.first_slice = audience.topics[0]
        elif not audience.people:
            event.unreached.append({"subscriber": None, "decisions": skip_all(event.workflow)})
        for name in audience.people:
            addresses = directory.get((tenant, name), NO_ADDRESSES)
            draft = draft_for(event, name, addresses, carried=carried, now=now)
            if draft.item or draft.deliveries:
                drafts.append(draft)
            else:
                event.unreached.append({"subscriber": name, "decisions": draft.decisions})
    return drafts
