"""Clarion's pusher, given announcements as the notifier publishes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from bench.contenders.contender import Contender, News, Send
from bench.lib.events import TOKEN_SECRET
from bench.lib.ground import Ground
from bench.lib.server import service
from bench.loads.sockets import Sockets
from clarion.bus import Message, open_bus
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    encode_announcement,
    feed_key,
)
from clarion.topology import LIVE, shard_key

MAX_ANNOUNCEMENT_BYTES = 512 * 1024
"""As the notifier has it."""
SETTINGS = {
    "CLARION_TOKEN_SECRET": TOKEN_SECRET,
    "CLARION_HANDSHAKES_PER_S": "100000",
    "CLARION_MAX_SESSIONS_PER_SUBSCRIBER": "100000",
}
"""No bound of the pusher is what is measured."""
HELLO = '{"type":"hello"}'


STORE = """
INSERT INTO inboxes AS i (tenant, subscriber, version, unread)
SELECT 'default', subscriber, added, added
FROM unnest($1::text[], $2::int[]) AS a (subscriber, added)
ON CONFLICT (tenant, subscriber) DO UPDATE SET version = i.version + excluded.version
"""


@asynccontextmanager
async def opened(ground: Ground, says: str = HELLO) -> AsyncIterator[Contender]:
    """As `Opening`. Where clients say nothing, they are let in and no inbox is read."""
    async with (
        ground.fresh() as settings,
        service("pusher", settings | SETTINGS) as server,
        publishing(settings) as send,
    ):
        ready = "caught_up" if says else ""
        yield Contender("clarion", server, Sockets(server.port, "/v1/live", says, ready), send)


@asynccontextmanager
async def publishing(settings: dict[str, str]) -> AsyncIterator[Send]:
    """As the notifier does it: the store knows of what is announced."""
    bus = open_bus([settings["CLARION_AMQP_URL"]], publish_timeout_s=30)
    await bus.start()
    database = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    versions = Counter[str]()

    async def send(news: Sequence[News]) -> None:
        added = Counter(one.subscriber for one in news)
        await database.execute(STORE, list(added), list(added.values()))
        for message in announcements(news, versions):
            await bus.publish(LIVE, shard_key(0), message)

    yield send
    await database.close()
    await bus.close()


def announcements(news: Sequence[News], versions: Counter[str]) -> Iterator[Message]:
    """Messages of a bounded size; `versions` go on."""
    frames: list[FeedFrame] = []
    size = 0
    for one in news:
        versions[one.subscriber] += 1
        feed = feed_key("default", one.subscriber)
        frames.append(FeedFrame(feed, versions[one.subscriber], one.body))
        size += len(one.body)
        if size >= MAX_ANNOUNCEMENT_BYTES:
            yield announcement(frames)
            frames, size = [], 0
    if frames:
        yield announcement(frames)


def announcement(frames: list[FeedFrame]) -> Message:
    """One message."""
    packed = encode_announcement(frames)
    return Message(packed, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
