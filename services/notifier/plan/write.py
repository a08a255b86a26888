"""The rows of a batch, a statement a table; and the inboxes' heads, always in one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from clarion.rules.delivery_states import State
from clarion.store.database import Driver
from services.notifier.drafts import Draft, EventDraft, encode, stored
from services.notifier.plan.audience import Person

PUBLISH_AGAIN_AFTER = timedelta(seconds=60)
"""When dispatch publishes once more what was published and not finished."""

TAKE_INBOXES = """
INSERT INTO inboxes AS i (tenant, subscriber, version, unread)
SELECT tenant, subscriber, added, added
FROM unnest($1::text[], $2::text[], $3::int[]) AS a (tenant, subscriber, added)
ORDER BY tenant, subscriber
ON CONFLICT (tenant, subscriber) DO UPDATE
SET version = i.version + excluded.version, unread = i.unread + excluded.unread
RETURNING tenant, subscriber, version, unread
"""

MAKE_INBOXES = """
INSERT INTO inboxes (tenant, subscriber)
SELECT tenant, subscriber FROM unnest($1::text[], $2::text[]) AS a (tenant, subscriber)
ORDER BY tenant, subscriber ON CONFLICT DO NOTHING
"""

LOCK_INBOXES = """
SELECT i.tenant, i.subscriber
FROM inboxes i JOIN unnest($1::text[], $2::text[]) AS q (tenant, subscriber)
  ON i.tenant = q.tenant AND i.subscriber = q.subscriber
ORDER BY i.tenant, i.subscriber FOR UPDATE OF i SKIP LOCKED
"""

EVENT_COLUMNS = (
    "id",
    "tenant",
    "source",
    "event_id",
    "type",
    "category",
    "lane",
    "time",
    "accepted_at",
    "planned_at",
    "state",
    "body",
    "document",
    "unreached",
    "trace_id",
)

NOTIFICATION_COLUMNS = (
    "id",
    "tenant",
    "subscriber",
    "event",
    "version",
    "type",
    "category",
    "lane",
    "title",
    "body",
    "url",
    "image",
    "actor",
    "decisions",
    "due_at",
    "trace_id",
    "created_at",
)

DELIVERY_COLUMNS = (
    "id",
    "tenant",
    "notification",
    "channel",
    "lane",
    "state",
    "recipient",
    "content",
    "due_at",
    "expires_at",
    "trace_id",
    "created_at",
    "updated_at",
)

Heads = dict[Person, tuple[int, int]]
"""(version, unread) of inboxes."""


async def take_inboxes(tx: Driver, added: Mapping[Person, int]) -> Heads:
    """Take the inboxes' rows in the one order, give each as many versions as it has new items;
    returns the heads after that."""
    rows: Any = await tx.fetch(
        TAKE_INBOXES,
        [tenant for tenant, _ in added],
        [subscriber for _, subscriber in added],
        list(added.values()),
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def lock_inboxes(tx: Driver, people: Collection[Person]) -> list[Person]:
    """Lock the inboxes of these, made where there is none, before what is in them is locked.
    Returned are those that were not busy."""
    names = [tenant for tenant, _ in people], [subscriber for _, subscriber in people]
    await tx.execute(MAKE_INBOXES, *names)
    rows: Any = await tx.fetch(LOCK_INBOXES, *names)
    return [(row[0], row[1]) for row in rows]


async def stamp_versions(tx: Driver, drafts: Sequence[Draft]) -> None:
    """Give every draft that enters an inbox its version, in order, and the unread count at it."""
    entering = [draft for draft in drafts if draft.enters_inbox]
    if not entering:
        return
    left = Counter((draft.event.entry.tenant, draft.subscriber) for draft in entering)
    heads = await take_inboxes(tx, left)
    for draft in entering:
        person = (draft.event.entry.tenant, draft.subscriber)
        left[person] -= 1
        version, unread = heads[person]
        draft.version = version - left[person]
        draft.unread = unread - left[person]


async def write_events(tx: Driver, events: Sequence[EventDraft], now: datetime) -> None:
    """`events`, planned."""
    await _copy(tx, "events", EVENT_COLUMNS, [_event_row(event, now) for event in events])


async def write_notifications(tx: Driver, drafts: Sequence[Draft], now: datetime) -> None:
    """`notifications`; one that is held has no version and is due when it enters the inbox."""
    rows = [_notification_row(draft, now) for draft in drafts]
    await _copy(tx, "notifications", NOTIFICATION_COLUMNS, rows)


async def write_deliveries(tx: Driver, drafts: Sequence[Draft], now: datetime) -> None:
    """`deliveries`: queued where they are due now, else scheduled."""
    rows = [row for draft in drafts if draft.deliveries for row in _delivery_rows(draft, now)]
    await _copy(tx, "deliveries", DELIVERY_COLUMNS, rows)


async def _copy(
    tx: Driver, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """COPY, for the driver examines every element of an array before it encodes it."""
    if rows:
        await tx.copy_records_to_table(table, columns=columns, records=rows)


def _event_row(event: EventDraft, now: datetime) -> tuple[Any, ...]:
    entry, workflow = event.entry, event.workflow
    return (
        event.uid,
        entry.tenant,
        entry.source,
        entry.id,
        entry.event.type,
        workflow.category,
        workflow.lane,
        entry.event.time,
        entry.accepted_at,
        now,
        "planned",
        *stored(entry.event, event.data),
        encode(event.unreached).decode() if event.unreached else "[]",
        event.trace_id,
    )


def _notification_row(draft: Draft, now: datetime) -> tuple[Any, ...]:
    event, workflow = draft.event, draft.event.workflow
    return (
        draft.id,
        event.entry.tenant,
        draft.subscriber,
        event.uid,
        draft.version,
        event.entry.event.type,
        workflow.category,
        workflow.lane,
        workflow.title,
        workflow.body,
        workflow.url,
        workflow.image,
        workflow.actor,
        encode(draft.decisions).decode(),
        draft.held_until if draft.in_inbox else None,
        event.trace_id,
        now,
    )


def _delivery_rows(draft: Draft, now: datetime) -> Iterator[tuple[Any, ...]]:
    event, workflow = draft.event, draft.event.workflow
    state = State.SCHEDULED if draft.held_until else State.QUEUED
    content = {"title": workflow.title, "body": workflow.body, "url": workflow.url}
    text = encode(content).decode()
    for delivery in draft.deliveries:
        yield (
            delivery.id,
            event.entry.tenant,
            draft.id,
            delivery.channel,
            workflow.lane,
            state.value,
            delivery.address,
            text,
            draft.held_until or now + PUBLISH_AGAIN_AFTER,
            workflow.expires_at,
            event.trace_id,
            now,
            now,
        )
