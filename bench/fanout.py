"""Frames written: news for 500 sockets at once.

`steady`: the next announcement leaves when every socket has the last, so each frame is a write of
its own. `burst`: all announcements wait when the server wakes up, as after a mass mailing.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aio_pika
import msgspec

from bench.client import Client, running_client
from bench.events import TOKEN_SECRET, item, names
from bench.ground import Ground
from bench.peers.broker import LIVE as NAIVE_LIVE
from bench.results import Figure
from bench.server import Server, peer, service
from clarion.bus import Message, open_bus
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    Announcement,
    FeedFrame,
    feed_key,
)
from clarion.topology import LIVE, shard_key

SESSIONS = 500
WARM_ROUNDS = 10
ROUNDS = {"clarion": 300, "naive": 100}
GOAL = 2.0

Announce = Callable[[int], Awaitable[None]]


async def measure(ground: Ground) -> list[Figure]:
    """Clarion's pusher, then the peer."""
    async with ground.fresh() as settings:
        env = {**settings, "CLARION_TOKEN_SECRET": TOKEN_SECRET}
        env["CLARION_HANDSHAKES_PER_S"] = "10000"
        async with service("pusher", env) as server, _clarion(settings) as announce:
            ours = await _both("clarion", server, "caught_up", announce)
    async with (
        ground.fresh(migrated=False) as settings,
        peer("naive_fanout", settings) as server,
        _naive(settings) as announce,
    ):
        theirs = await _both("naive", server, "welcome", announce)
    return [figure for pair in zip(ours, theirs, strict=True) for figure in pair]


@asynccontextmanager
async def _clarion(settings: dict[str, str]) -> AsyncIterator[Announce]:
    bus = open_bus([settings["CLARION_AMQP_URL"]], publish_timeout_s=30)
    await bus.start()
    feeds = [feed_key("default", name) for name in names(SESSIONS)]
    encode = msgspec.json.encode

    async def announce(version: int) -> None:
        frame = {"type": "notification", "version": version, "unread": version}
        body = encode(frame | {"item": item(version)})
        frames = [FeedFrame(feed, version, body) for feed in feeds]
        packed = msgspec.msgpack.encode(Announcement(1, frames))
        message = Message(packed, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
        await bus.publish(LIVE, shard_key(0), message)

    yield announce
    await bus.close()


@asynccontextmanager
async def _naive(settings: dict[str, str]) -> AsyncIterator[Announce]:
    async with await aio_pika.connect(settings["CLARION_AMQP_URL"]) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(NAIVE_LIVE)

        async def announce(version: int) -> None:
            body = {"subscribers": names(SESSIONS), "item": item(version)}
            await exchange.publish(aio_pika.Message(json.dumps(body).encode()), "")

        yield announce


async def _both(
    contender: str, server: Server, ready_word: str, announce: Announce
) -> list[Figure]:
    rounds = ROUNDS[contender]
    arguments = [str(one) for one in (server.port, SESSIONS, ready_word)]
    async with running_client("socket_load", *arguments) as client:
        await client.until("open")
        await _steady(client, announce, range(1, WARM_ROUNDS + 1))
        versions = range(WARM_ROUNDS + 1, WARM_ROUNDS + 1 + rounds)
        steady = await _measured(
            contender, "steady", server, _steady(client, announce, versions), rounds
        )
        versions = range(versions.stop, versions.stop + rounds)
        await _fill(server, announce, versions)
        burst = await _measured(
            contender, "burst", server, _burst(server, client, versions), rounds
        )
    return [steady, burst]


async def _steady(client: Client, announce: Announce, versions: range) -> None:
    for version in versions:
        await announce(version)
        await client.until("round")


async def _fill(server: Server, announce: Announce, versions: range) -> None:
    server.pause()
    for version in versions:
        await announce(version)


async def _burst(server: Server, client: Client, versions: range) -> None:
    server.resume()
    for _ in versions:
        await client.until("round")


async def _measured(
    contender: str, how: str, server: Server, load: Awaitable[None], rounds: int
) -> Figure:
    cpu_s, began = server.cpu_s(), time.perf_counter()
    await load
    took = time.perf_counter() - began
    cpu_s = server.cpu_s() - cpu_s
    frames = rounds * SESSIONS
    return Figure(
        f"fan-out {how}",
        contender,
        "frames per CPU s",
        rate=frames / cpu_s,
        goal=GOAL,
        more={"per second": frames / took},
    )
