"""Feeds that go on: notifications stored in bulk and announced, as a notifier does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from clarion.bus import Bus, Message, open_bus
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    encode_announcement,
)
from clarion.contracts.frames import NotificationFrame
from clarion.contracts.ids import new_id
from clarion.contracts.item import Item
from clarion.store.database import Database
from clarion.topology import LIVE, shard_key

TENANT = "default"
AT_ONCE = 1_000
EVERY_S = 0.1
SHARE = 0.02
"""Of the subscribers, how many each flow of notifications reaches."""

STORE = """
WITH taken AS (
    INSERT INTO inboxes (tenant, subscriber, version, unread)
    SELECT $1, name, 1, 1 FROM unnest($2::text[]) AS s(name)
    ON CONFLICT (tenant, subscriber)
    DO UPDATE SET version = inboxes.version + 1, unread = inboxes.unread + 1
    RETURNING subscriber, version
), event AS (
    INSERT INTO events
        (id, tenant, source, event_id, type, lane, accepted_at, state, body, trace_id)
    VALUES
        ($3::uuid, $1, 'storm', $3::uuid::text, 'storm.blew', 'normal', $4, 'planned', '{}', 'none')
)
INSERT INTO notifications
    (id, tenant, subscriber, event, version, entered, type, lane, title, decisions, created_at,
    trace_id)
SELECT n.id, $1, n.name, $3::uuid, t.version, t.version,
    'storm.blew', 'normal', 'It blows', '[]', $4, 'none'
FROM unnest($5::uuid[], $2::text[]) AS n(id, name) JOIN taken t ON t.subscriber = n.name
RETURNING id, subscriber, version
"""


class Feeds:
    """Writes for these subscribers; `heads` is where each feed is."""

    def __init__(self, settings: dict[str, str], subscribers: Sequence[str]) -> None:
        self.subscribers = list(subscribers)
        self.heads = dict.fromkeys(self.subscribers, 0)
        self._bus: Bus = open_bus([settings["CLARION_AMQP_URL"]], publish_timeout_s=30)
        self._database = Database(
            settings["CLARION_DATABASE_URL"],
            pool_size=2,
            timeout_s=30,
            application_name="storm",
        )

    async def open(self) -> None:
        """Connect."""
        await self._bus.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._bus.close()
        await self._database.close()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Notifications for some subscribers, ten times a second."""
        flow = asyncio.create_task(self._flow())
        try:
            yield
        finally:
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)

    async def _flow(self) -> None:
        many = max(1, int(len(self.subscribers) * SHARE))
        while True:
            await asyncio.shield(self.write(sorted(random.sample(self.subscribers, many))))
            await asyncio.sleep(EVERY_S)

    async def write(self, subscribers: Sequence[str]) -> None:
        """One notification for each, in transactions of `AT_ONCE`, announced."""
        for first in range(0, len(subscribers), AT_ONCE):
            await self._write(sorted(subscribers[first : first + AT_ONCE]))

    async def _write(self, subscribers: Sequence[str]) -> None:
        event, now = UUID(new_id()), datetime.now(UTC)
        ids = [UUID(new_id()) for _ in subscribers]
        async with self._database.driver() as connection:
            rows = await connection.fetch(STORE, TENANT, subscribers, event, now, ids)
        self.heads |= {row["subscriber"]: row["version"] for row in rows}
        frames = [frame_of(row, event, now) for row in rows]
        body = encode_announcement(frames)
        message = Message(body, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
        await self._bus.publish(LIVE, shard_key(0), message, mandatory=False)


def frame_of(row: Any, event: UUID, now: datetime) -> FeedFrame:
    """The announcement of what was stored: nothing is ever read, so all of it is unread."""
    version = row["version"]
    item = Item(
        id=row["id"],
        event_id=str(event),
        type="storm.blew",
        category=None,
        title="It blows",
        body=None,
        url=None,
        data=None,
        lane="normal",
        version=version,
        entered=version,
        created_at=now,
    )
    frame = NotificationFrame(version=version, unread=version, item=item)
    return FeedFrame(f"{TENANT}/{row['subscriber']}", version, msgspec.json.encode(frame))
