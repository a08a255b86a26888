"""Writes the rows of a batch, one statement per table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from clarion.records import inboxes
from clarion.rules.delivery_states import State
from clarion.store.database import Driver
from services.notifier.drafts import Draft, EventDraft, encode, stored

PUBLISH_AGAIN_AFTER = timedelta(seconds=60)
"""The time after which dispatch publishes unfinished work again."""

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
    "entered",
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


async def stamp_versions(tx: Driver, drafts: Sequence[Draft]) -> None:
    """Set the version and the unread count of every draft that enters an inbox, in order."""
    entering = [draft for draft in drafts if draft.enters_inbox]
    if not entering:
        return
    left = Counter((draft.event.entry.tenant, draft.subscriber) for draft in entering)
    heads = await inboxes.add_items(tx, left)
    for draft in entering:
        person = (draft.event.entry.tenant, draft.subscriber)
        left[person] -= 1
        version, unread = heads[person]
        draft.version = version - left[person]
        draft.unread = unread - left[person]


async def write_events(tx: Driver, events: Sequence[EventDraft], now: datetime) -> None:
    """Insert `events` as planned."""
    await _copy(tx, "events", EVENT_COLUMNS, [_event_row(event, now) for event in events])


async def write_notifications(tx: Driver, drafts: Sequence[Draft], now: datetime) -> None:
    """Insert `notifications`; a held one has no version and is due when it enters the inbox."""
    rows = [_notification_row(draft, now) for draft in drafts]
    await _copy(tx, "notifications", NOTIFICATION_COLUMNS, rows)


async def write_deliveries(tx: Driver, drafts: Sequence[Draft], now: datetime) -> None:
    """Insert `deliveries`: queued if due now, else scheduled."""
    rows = [row for draft in drafts if draft.deliveries for row in _delivery_rows(draft, now)]
    await _copy(tx, "deliveries", DELIVERY_COLUMNS, rows)


async def _copy(
    tx: Driver, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert by COPY: the driver inspects every element of an array before encoding."""
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
        draft.item.until if draft.item else None,
        event.trace_id,
        now,
    )


def _delivery_rows(draft: Draft, now: datetime) -> Iterator[tuple[Any, ...]]:
    event, workflow = draft.event, draft.event.workflow
    content = {"title": workflow.title, "body": workflow.body, "url": workflow.url}
    text = encode(content).decode()
    for delivery in draft.deliveries:
        yield (
            delivery.id,
            event.entry.tenant,
            draft.id,
            delivery.channel,
            workflow.lane,
            (State.SCHEDULED if delivery.until else State.QUEUED).value,
            delivery.address,
            text,
            delivery.until or now + PUBLISH_AGAIN_AFTER,
            workflow.expires_at,
            event.trace_id,
            now,
            now,
        )
