"""Fifty readers that stop among a thousand: the others go on, memory stays, nobody misses any."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import pytest

from clarion.bus import Bus
from clarion.contracts.announcement import FeedFrame
from clarion.store.database import Database
from services.pusher.feed.states import Stage
from services.pusher.session import deadlines
from services.pusher.session.session import Session
from testbed.processes import wait_until
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher, token
from tests.support.raw_socket import TEXT, RawSocket, client_frame, upgrade_request

PEOPLE = 50
SESSIONS_EACH = 20
"""One of them stalls."""
FRAMES = 20
LONG = "x" * 8_000
BOUND = 65_536
KERNEL_BYTES = 16_384


class Reader:
    """One session; it reads when it is told to."""

    def __init__(self, raw: RawSocket) -> None:
        self.raw = raw

    async def versions(self, last: int) -> list[int]:
        """Of the notifications up to `last`, in the order in which they came."""
        found: list[int] = []
        while not found or found[-1] < last:
            frame = await self.raw.next()
            assert frame is not None, "the server ended the connection"
            if frame.opcode == TEXT and frame.payload.startswith(b'{"type":"notification"'):
                found.append(json.loads(frame.payload)["version"])
        return found


async def opened(pusher: Pusher, subscriber: str) -> Reader:
    """A session that has caught up, on a connection whose kernel keeps little."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", pusher.port))
    stream, writer = await asyncio.open_connection(sock=narrow, limit=KERNEL_BYTES)
    writer.write(upgrade_request(pusher, f"Authorization: Bearer {token(subscriber)}"))
    await stream.readuntil(b"\r\n\r\n")
    raw = RawSocket(stream, writer)
    await raw.send(client_frame(TEXT, b'{"type":"hello"}'))
    while (frame := await raw.next()) is not None:
        if frame.payload.startswith(b'{"type":"caught_up"'):
            break
    return Reader(raw)


async def broadcast(writer: InboxWriter, frames: int) -> None:
    """So many notifications for each person, announced as they come."""
    for _ in range(frames):
        announced: list[FeedFrame] = []
        for person in range(PEOPLE):
            announced += await writer.store(f"user-{person}", ["t"], data=LONG)
        for frame in announced:
            await writer.announce([frame])


def buffered(session: Session) -> int:
    """Bytes that this process keeps for a session."""
    return session.write_buffer.size + session.write_buffer._writer.get_write_buffer_size()  # pyright: ignore[reportPrivateUsage] # the promise is about it


@pytest.mark.timeout(300)
async def test_fifty_stalled_readers_cost_the_others_nothing_and_miss_nothing(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "STALL_TIMEOUT_S", 600.0)
    writer = InboxWriter(database, memory_bus)
    async with (
        running_pusher(
            memory_bus,
            database,
            max_backlog_bytes=BOUND,
            max_sessions_per_subscriber=SESSIONS_EACH,
            handshakes_per_s=10_000,
            heartbeat_s=300,
            send_buffer_bytes=KERNEL_BYTES,
        ) as pusher,
        AsyncExitStack() as stack,
    ):
        stalled = [await opened(pusher, f"user-{n}") for n in range(PEOPLE)]
        mine = set(pusher.engine.sessions)
        quick = [
            await opened(pusher, f"user-{n}")
            for n in range(PEOPLE)
            for _ in range(SESSIONS_EACH - 1)
        ]
        for reader in (*stalled, *quick):
            stack.callback(reader.raw.writer.close)
        assert len(pusher.engine.sessions) == PEOPLE * SESSIONS_EACH

        reading = [asyncio.create_task(one.versions(FRAMES)) for one in quick]
        await broadcast(writer, FRAMES)
        everything = list(range(1, FRAMES + 1))
        assert all(versions == everything for versions in await asyncio.gather(*reading))
        assert {one.stage for one in mine} <= {Stage.LAGGING, Stage.REPLAYING}
        assert max(buffered(one) for one in mine) <= 3 * BOUND

        late = [asyncio.create_task(one.versions(FRAMES)) for one in stalled]
        assert all(versions == everything for versions in await asyncio.gather(*late))
        await wait_until(lambda: all(one.stage is Stage.LIVE for one in mine), 20, "all live")
