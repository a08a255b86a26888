"""Readers that do not read, peers that are gone, and a server that stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from clarion.bus import Bus
from clarion.store.database import Database
from services.pusher.feed.states import Stage
from services.pusher.inbox.history import FeedPage
from services.pusher.session import deadlines, replay
from testbed.processes import wait_until
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Client, Pusher, running_pusher, token

LONG = "x" * 10_000


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database, max_backlog_bytes=256 * 1024) as running:
        yield running


def narrow_socket(port: int) -> socket.socket:
    """A socket whose kernel buffers little, so that a stalled reader is felt soon."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    narrow.connect(("127.0.0.1", port))
    return narrow


async def stalled(pusher: Pusher, subscriber: str) -> tuple[Client, Any]:
    """A client that has caught up and reads no more until it is told to."""
    connection = await websockets.connect(
        pusher.url,
        sock=narrow_socket(pusher.port),
        compression=None,
        max_queue=1,
        additional_headers={"Authorization": f"Bearer {token(subscriber)}"},
    )
    client = Client(connection)
    await client.hello()
    await client.until("caught_up")
    session = next(
        one for one in pusher.engine.sessions if one.feed and one.feed.subscriber == subscriber
    )
    connection.transport.pause_reading()
    return client, session


async def test_a_slow_reader_resumes_without_gap_and_costs_nobody(
    pusher: Pusher, writer: InboxWriter
) -> None:
    slow, session = await stalled(pusher, "user-1")
    async with pusher.feed("user-1") as quick:
        written = 0
        while session.stage is Stage.LIVE:
            await writer.write("user-1", *["t"] * 10, data=LONG)
            written += 10
            seen = [(await quick.next())["version"] for _ in range(10)]
            assert seen == list(range(written - 9, written + 1))
        buffered = session.write_buffer._writer.get_write_buffer_size()  # pyright: ignore[reportPrivateUsage] # the promise is about it
        assert buffered <= 256 * 1024
        await writer.write("user-1", *["late"] * 20, data=LONG)
        written += 20
        late = [(await quick.next())["version"] for _ in range(20)]
        assert late == list(range(written - 19, written + 1))

        slow.connection.transport.resume_reading()
        versions: list[int] = []
        while not versions or versions[-1] < written:
            frame = await slow.next()
            if frame["type"] == "notification":
                versions.append(frame["version"])
        assert versions == list(range(1, written + 1))
        await wait_until(lambda: session.stage is Stage.LIVE, 5, "a live session")
        await writer.write("user-1", "last")
        frames = await slow.until("notification")
        assert frames[-1]["version"] == (await quick.next())["version"] == written + 1
    slow.connection.transport.abort()
    await slow.closed()


async def test_who_stalls_in_a_replay_holds_no_page_and_gets_it_whole(
    memory_bus: Bus, database: Database, writer: InboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_STALL_S", 0.1)
    await writer.store("user-1", ["t"] * 700, data=LONG)
    async with running_pusher(memory_bus, database, send_buffer_bytes=16_384) as pusher:
        slow, session = await stalled(pusher, "user-1")
        await slow.hello(since=0)
        await wait_until(lambda: session.write_buffer.paused_at is not None, 20, "a stalled replay")
        await wait_until(lambda: not pages(), 20, "no page")
        slow.connection.transport.resume_reading()
        frames = await slow.until("caught_up", 60)
        versions = [one["version"] for one in frames if one["type"] == "notification"]
        assert versions == list(range(1, 701))
        slow.connection.transport.abort()
        await slow.closed()


def pages() -> list[FeedPage]:
    """Those that are in memory."""
    return [one for one in gc.get_objects() if type(one) is FeedPage]


async def test_a_reader_that_stays_away_is_4008(
    pusher: Pusher, writer: InboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "STALL_TIMEOUT_S", 0.3)
    slow, session = await stalled(pusher, "user-1")
    while session.is_open:
        await writer.write("user-1", *["t"] * 20, data=LONG)
    slow.connection.transport.resume_reading()
    async with asyncio.timeout(10):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in slow.connection:
                pass
    assert await slow.closed() == (4008, "too_slow")


async def test_a_peer_from_which_nothing_comes_is_cut(memory_bus: Bus, database: Database) -> None:
    async with running_pusher(memory_bus, database, heartbeat_s=1) as pusher:
        silent, _ = await stalled(pusher, "user-1")
        async with pusher.feed("user-2"):
            await wait_until(lambda: len(pusher.engine.sessions) == 1, 10, "the silent one gone")
        silent.connection.transport.abort()
        await silent.closed()


async def test_a_stopping_server_says_reconnect_and_closes_with_1012(
    memory_bus: Bus, database: Database
) -> None:
    async with (
        running_pusher(memory_bus, database) as pusher,
        pusher.feed("user-1") as one,
        pusher.feed("user-2") as two,
    ):
        pusher.server.should_exit = True
        for client in (one, two):
            frame = await client.next()
            assert frame["type"] == "reconnect"
            assert 0 <= frame["after_ms"] < 1000
            assert await client.closed() == (1012, "going_away")
    assert pusher.engine.sessions == set()


async def test_frames_that_come_while_it_works_are_done_in_order(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", *(str(n) for n in range(100)))
    async with pusher.feed("user-1") as client:
        for n in range(100):
            await client.send({"type": "read", "up_to": n + 1, "ref": n})
        refs = [(await client.until("ok"))[-1]["ref"] for _ in range(100)]
    assert refs == list(range(100))


async def test_a_client_that_does_not_read_its_answers_is_bounded(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(
        memory_bus, database, max_backlog_bytes=65_536, max_frames_per_minute=1_000_000
    ) as pusher:
        client, session = await stalled(pusher, "user-1")
        ping = '{"type":"ping","ref":"' + "r" * 250 + '"}'
        while session.is_open:
            await client.connection.send(ping)
        assert session.write_buffer.size == 0
        client.connection.transport.abort()
        await client.closed()
