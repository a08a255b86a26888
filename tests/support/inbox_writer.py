"""Puts notifications into inboxes by the transaction that plan uses, and announces them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from clarion.bus import Bus, Message
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    encode_announcement,
    feed_key,
)
from clarion.contracts.frames import NotificationFrame
from clarion.contracts.ids import new_id
from clarion.contracts.item import Item
from clarion.records import inboxes
from clarion.store.database import Database
from clarion.topology import LIVE, shard_key, shard_of

TENANT = "default"

EVENT = """
INSERT INTO events (id, tenant, source, event_id, type, lane, accepted_at, state, body, trace_id)
SELECT id, $2, 'test', 'e-' || id, 'test.happened', 'normal', $3, 'planned', body, 'none'
FROM unnest($1::uuid[], $4::jsonb[]) AS e(id, body)
"""
NOTIFICATION = """
INSERT INTO notifications
    (id, tenant, subscriber, event, version, entered, type, category, lane, title, decisions,
    created_at, trace_id)
SELECT id, $2, $3, event, version, version, 'test.happened', $8, 'normal', title, '[]', $4, 'none'
FROM unnest($1::uuid[], $5::uuid[], $6::bigint[], $7::text[]) AS n(id, event, version, title)
"""


@dataclass
class InboxWriter:
    """What a notifier would do."""

    database: Database
    bus: Bus
    shards: int = 1

    async def store(
        self,
        subscriber: str,
        titles: Sequence[str],
        *,
        tenant: str = TENANT,
        data: Any = None,
        category: str | None = None,
    ) -> list[FeedFrame]:
        """Commit one notification for each title; the frames to announce."""
        now = datetime.now(UTC)
        ids = [UUID(new_id()) for _ in titles]
        events = [UUID(new_id()) for _ in titles]
        async with self.database.driver() as connection:
            heads = await inboxes.add_items(connection, {(tenant, subscriber): len(titles)})
            head = heads[tenant, subscriber]
            versions = [head.version - len(titles) + 1 + n for n in range(len(titles))]
            bodies = [json.dumps({"type": "test.happened", "data": data})] * len(titles)
            await connection.execute(EVENT, events, tenant, now, bodies)
            rows = (ids, tenant, subscriber, now, events, versions, list(titles), category)
            await connection.execute(NOTIFICATION, *rows)
        made = zip(ids, events, versions, titles, strict=True)
        unread = head.unread - len(titles)
        return [
            frame_of(tenant, subscriber, unread + n + 1, _item(*one, now, data, category))
            for n, one in enumerate(made)
        ]

    async def announce(self, frames: Sequence[FeedFrame]) -> None:
        """Publish frames as one announcement."""
        if not frames:
            return
        body = encode_announcement(frames)
        key = shard_key(shard_of(frames[0].feed, self.shards))
        message = Message(body, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
        await self.bus.publish(LIVE, key, message, mandatory=False)

    async def write(
        self, subscriber: str, *titles: str, tenant: str = TENANT, data: Any = None
    ) -> list[FeedFrame]:
        """Store and announce."""
        frames = await self.store(subscriber, titles, tenant=tenant, data=data)
        await self.announce(frames)
        return frames


def _item(
    identifier: UUID,
    event: UUID,
    version: int,
    title: str,
    now: datetime,
    data: Any,
    category: str | None,
) -> Item:
    return Item(
        id=identifier,
        event_id=f"e-{event}",
        type="test.happened",
        category=category,
        title=title,
        body=None,
        url=None,
        data=data,
        lane="normal",
        version=version,
        entered=version,
        created_at=now,
    )


def frame_of(tenant: str, subscriber: str, unread: int, item: Item) -> FeedFrame:
    """The announcement of a new item."""
    frame = NotificationFrame(version=item.version, unread=unread, item=item)
    return FeedFrame(feed_key(tenant, subscriber), item.version, msgspec.json.encode(frame))
