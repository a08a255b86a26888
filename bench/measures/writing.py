"""What writing a frame to a session costs, by writer: `python -m bench.measures.writing [ROUNDS]`.

500 sockets whose peers, in another process, read all the time; one frame to each is a round. The
least is `os.write` in a loop; uvloop's transport is what every protocol of asyncio writes through;
`broadcast` and `each` are the hub on real sessions, given one frame for all or one for every feed.
All take turns, so that what else the machine does meets them alike; the medians are printed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import uvloop

from clarion.contracts.announcement import FeedFrame
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.hub import Hub
from services.pusher.session.session import Session
from services.pusher.session.timer_wheel import TimerWheel
from services.pusher.sockets.websocket import plain_fd
from services.pusher.wire import frames
from services.pusher.wire.write_buffer import FlushQueue, WriteBuffer
from testbed.processes import wait_until

SESSIONS = 500
BODY = b"x" * 430
FRAME = frames.text(BODY)
TOKEN = SubscriberToken("t", "s", issued_at=0.0, expires_at=9e9, jti="one", publish=())
HOUR_S = 3600.0
TURNS = 15
REST_S = 0.005
"""In which the peers read what they were sent."""


class Peer(asyncio.Protocol):
    """The server's end of a socket."""

    def __init__(self, opened: list[asyncio.Transport]) -> None:
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opened.append(cast("asyncio.Transport", transport))

    def half_close(self) -> None: ...

    def abort(self) -> None: ...

    def resume_reading(self) -> None: ...


class BenchContext:
    """As `services.pusher.session.context.SessionContext`; nothing here may need to resume."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.hub = Hub(lambda feed: sys.exit(f"{feed.key} has a gap"))
        self.clock = loop.time
        self.timer_wheel = TimerWheel(loop.time, loop.call_at)
        self.heartbeat_s = HOUR_S
        self.max_backlog_bytes = 1 << 20
        self.flush_queue = FlushQueue(loop.call_soon)

    def open(self, transport: asyncio.Transport, subscriber: str) -> None:
        """A session of this subscriber that is live."""
        backlog = WriteBuffer(transport, self.flush_queue, 1 << 20, plain_fd(transport))
        session = Session(self, Peer([]), backlog, Bucket(0, 1), HOUR_S)
        feed = self.hub.join("t", subscriber, session)
        session.authenticate(feed, TOKEN, self.clock() + HOUR_S)
        session.begin_replay()
        session.go_live(0)
        feed.start(0)

    def resume(self, session: Session, cause: str) -> None:
        sys.exit(f"a session has to resume: {cause}")

    def on_session_closed(self, session: Session) -> None: ...


def read_all(port: int) -> None:
    """The peers."""
    selector = selectors.DefaultSelector()
    for _ in range(SESSIONS):
        one = socket.create_connection(("127.0.0.1", port))
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ, one)
    while True:
        for key, _ in selector.select():
            with suppress(BlockingIOError):
                if not key.data.recv(1 << 16):
                    return


def ways(transports: list[asyncio.Transport]) -> dict[str, Callable[[int], None]]:
    """Each writes one round; the number is that of the round, from 1."""
    context = BenchContext(asyncio.get_running_loop())
    for number, transport in enumerate(transports):
        context.open(transport, "all")
        context.open(transport, f"user-{number}")
    descriptors = [plain_fd(transport) for transport in transports]

    def by_system_call(_: int) -> None:
        for descriptor in descriptors:
            os.write(descriptor, FRAME)

    def by_transport(_: int) -> None:
        for transport in transports:
            transport.write(FRAME)

    def broadcast(version: int) -> None:
        context.hub.announce([FeedFrame("t/all", version, BODY)])

    def each(version: int) -> None:
        keys = [f"t/user-{number}" for number in range(SESSIONS)]
        context.hub.announce([FeedFrame(key, version, BODY) for key in keys])

    return {
        "os.write": by_system_call,
        "uvloop's transport": by_transport,
        "broadcast": broadcast,
        "each": each,
    }


async def main(rounds: int) -> None:
    transports: list[asyncio.Transport] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(transports), "127.0.0.1", 0, backlog=SESSIONS)
    port = server.sockets[0].getsockname()[1]
    context = multiprocessing.get_context("spawn")
    peers = context.Process(target=read_all, args=(port,), daemon=True)
    peers.start()
    await wait_until(lambda: len(transports) == SESSIONS, 60, "sockets")
    writers = ways(transports)
    seen: dict[str, list[float]] = {name: [] for name in writers}
    for turn in range(TURNS):
        for name, write in writers.items():
            cpu_s = 0.0
            for number in range(turn * rounds + 1, (turn + 1) * rounds + 1):
                begun = time.process_time()
                write(number)
                await asyncio.sleep(0)
                await asyncio.sleep(0)  # in which the transport writes
                cpu_s += time.process_time() - begun
                await asyncio.sleep(REST_S)
            seen[name].append(cpu_s / rounds / SESSIONS * 1e6)
    peers.kill()
    least = statistics.median(seen["os.write"])
    for name, costs in seen.items():
        cost = statistics.median(costs)
        print(f"{name:<20}{cost:6.2f} us a frame, {cost / least:.2f} of os.write")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
