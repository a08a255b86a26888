"""Reads back committed rows whose announcement may be missing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.contracts.frames import NotificationFrame
from clarion.contracts.item import Item
from clarion.contracts.job import Job
from clarion.contracts.slice import Slice
from clarion.store.database import Database, Driver
from services.notifier.drafts import encode
from services.notifier.publish.outbox import Outbox

CHUNK = 1_000
NO_ID = UUID(int=0)

WRITTEN = """
SELECT n.id FROM notifications n JOIN events e ON e.id = n.event AND e.planned_at = n.created_at
WHERE n.event = ANY($1::uuid[]) AND n.id > $2 ORDER BY n.id LIMIT $3
"""
"""Rows of the transaction that planned the event; rows of its slices are read back by slice."""

ITEMS = """
SELECT n.id, n.tenant, n.subscriber, n.version, i.unread, e.event_id, n.type, n.category,
       n.title, n.body, n.url, n.image, n.actor, n.lane, n.created_at, n.trace_id,
       n.seen_at, n.read_at, n.archived_at, n.snoozed_until,
       coalesce((e.document->'data')::text, (e.body->'data')::text) AS data
FROM notifications n
JOIN events e ON e.id = n.event
JOIN inboxes i ON i.tenant = n.tenant AND i.subscriber = n.subscriber
WHERE n.id = ANY($1::uuid[]) AND n.version IS NOT NULL
  AND (n.entered = n.version OR n.entered IS NULL
    AND n.seen_at IS NULL AND n.read_at IS NULL
    AND n.archived_at IS NULL AND n.snoozed_until IS NULL
    AND NOT EXISTS (
      SELECT 1 FROM notifications o
      WHERE o.tenant = n.tenant AND o.subscriber = n.subscriber
        AND o.version = n.version AND o.id <> n.id))
ORDER BY n.tenant, n.subscriber, n.version
"""
"""Items that a command has changed since are left out: a frame with the version of the command
would stand for all changes of that command. Rows of notifiers before `entered` are recognized by
their state."""

QUEUED = """
SELECT id, channel, lane, trace_id FROM deliveries
WHERE notification = ANY($1::uuid[]) AND state = 'queued'
"""

PENDING_SLICES = """
SELECT event, topic, after, lane, trace_id FROM slices
WHERE event = ANY($1::uuid[]) AND due_at IS NOT NULL
"""


async def read_back(
    database: Database, events: Sequence[UUID], after: UUID = NO_ID
) -> tuple[Outbox, UUID | None]:
    """The outbox for up to `CHUNK` notifications of these events past `after`, and the id from
    which to continue, None at the end."""
    async with database.driver() as tx:
        rows: Any = await tx.fetch(WRITTEN, list(events), after, CHUNK)
        ids: list[UUID] = [row[0] for row in rows]
        outbox = await outbox_of(tx, ids)
        if after == NO_ID:
            for row in await tx.fetch(PENDING_SLICES, list(events)):
                outbox.slices.append(slice_from(row))
    return outbox, ids[-1] if len(ids) == CHUNK else None


async def outbox_of(tx: Driver, notifications: Sequence[UUID]) -> Outbox:
    """Frames and jobs from the present rows of these notifications."""
    outbox = Outbox()
    if notifications:
        outbox.frames = await frames_of(tx, notifications)
        for row in await tx.fetch(QUEUED, list(notifications)):
            outbox.add_job(row[1], row[2], Job(row[0], traceparent_from(row[3])))
    return outbox


async def frames_of(
    tx: Driver,
    notifications: Sequence[UUID],
    unread: Mapping[UUID, int] | None = None,
) -> list[FeedFrame]:
    """Frames of the notifications that are unchanged in an inbox, in order of version.

    `unread` has the known counts at their versions; else the present count is used.
    """
    rows: Any = await tx.fetch(ITEMS, list(notifications))
    known = unread or {}
    return [_frame(row, known[row["id"]] if row["id"] in known else row["unread"]) for row in rows]


def slice_from(row: Any) -> tuple[str, Slice]:
    """(lane, slice) of a row of `slices`."""
    slice_ = Slice(1, row["event"], row["topic"], row["after"], traceparent_from(row["trace_id"]))
    return row["lane"], slice_


def traceparent_from(trace_id: str) -> str:
    """A new span of a stored trace."""
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def _frame(row: Any, unread: int) -> FeedFrame:
    data = row["data"]
    item = Item(
        row["id"],
        row["event_id"],
        row["type"],
        row["category"],
        row["title"],
        row["body"],
        row["url"],
        msgspec.Raw(data.encode()) if data is not None else None,
        row["lane"],
        row["version"],
        row["version"],
        row["created_at"],
        row["seen_at"],
        row["read_at"],
        row["archived_at"],
        row["snoozed_until"],
        image=row["image"],
        actor=row["actor"],
    )
    frame = NotificationFrame(
        version=row["version"], unread=unread, item=item, trace_id=row["trace_id"]
    )
    body = encode(frame)
    return FeedFrame(feed_key(row["tenant"], row["subscriber"]), row["version"], body)
