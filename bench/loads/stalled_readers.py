"""Readers of whom some stop reading while a load goes on, and read again after it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from bench.lib.percentiles import percentile
from bench.loads.arrivals import Arrivals
from bench.loads.callers import calling
from bench.loads.feed import Feed
from bench.loads.marks import begins_replay, event, news
from bench.loads.open_loop import Load, in_turn, send
from bench.loads.sockets import Socket, Sockets, connect, socket_of
from testbed.processes import wait_until

RECEIVE_BYTES = 16_384
SEGMENT_BYTES = 1_400
"""As over a network. With loopback's 64 KiB the server's kernel keeps megabytes for a reader."""
LARGE_NUMBER = -1
"""Of events that no arrivals expect."""
WARM_RATE = 200.0
ARRIVE_S = 10.0
CATCH_UP_S = 30.0
LINGER_S = 1.0
"""For frames that come twice."""


@dataclass(frozen=True)
class Crowd:
    """What the readers are given in each turn: `rate` events a second for those that never stall,
    in turn, and `large_rate` with `large_bytes` of data for all of those that do in some turns."""

    gateway_port: int
    sockets: Sockets
    stalling: int
    turns: Sequence[bool]
    """Whether they stall."""
    rate: float
    large_rate: float
    large_bytes: int
    seconds: float


@dataclass
class Outcome:
    """What turns came to. Latencies are of the readers that never stall."""

    amiss: int = 0
    """Events for them that were refused, missing, doubled or at another's socket."""
    inexact: int = 0
    """Feeds of those that may stall which were not exact at the end of a turn."""
    resumed: int = 0
    """Those of them that went past their backlog in a turn and on from the store."""
    p50_ms: list[float] = field(default_factory=list[float])
    """One for each turn, as with the next two."""
    p99_ms: list[float] = field(default_factory=list[float])
    late_p99_ms: list[float] = field(default_factory=list[float])
    """By how much the client itself was late to send; it is in the latencies."""

    def add(self, latencies_s: Sequence[float], late_s: Sequence[float]) -> None:
        """Those of a turn, in ascending order."""
        self.p50_ms.append(percentile(latencies_s, 50) * 1e3)
        self.p99_ms.append(percentile(latencies_s, 99) * 1e3)
        self.late_p99_ms.append(percentile(late_s, 99) * 1e3)


class Readers:
    """All sockets. The last `stalling` of them are narrow, whether or not they stall."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        subscribers = crowd.sockets.subscribers()
        self._quick = subscribers[: -crowd.stalling]
        self._narrow = subscribers[-crowd.stalling :]
        self._feeds = {name: Feed() for name in subscribers}
        self._sockets: list[Socket] = []
        """Those of the narrow ones."""
        self._arrivals = Arrivals()
        self._resumed: set[str] = set()
        self._large = 0

    async def open(self) -> None:
        """Connect, and give everyone something."""
        made = [self._socket(name) for name in self._quick]
        await connect(self._crowd.sockets.port, made)
        await self.turn(Outcome(), Load(WARM_RATE, len(self._quick) / WARM_RATE), stall=False)

    async def turn(self, outcome: Outcome, load: Load, *, stall: bool) -> None:
        """One load; those who stall read again after it."""
        await self._reconnect()
        with self._stalled() if stall else nullcontext():
            await self._send(outcome, load)
            print("end", flush=True)
        with suppress(TimeoutError):
            await wait_until(self._is_level, CATCH_UP_S, "all to catch up")
        await asyncio.sleep(LINGER_S)
        outcome.amiss += self._arrivals.doubled + self._arrivals.strayed
        outcome.resumed += len(self._resumed)
        outcome.inexact += sum(not one.is_exact(self._large) for one in self._narrow_feeds())

    async def _reconnect(self) -> None:
        """The kernel learns from what a connection reads to keep more for it: a new one each."""
        for one in self._sockets:
            one.transport.abort()
        self._resumed.clear()
        self._sockets = [self._socket(name) for name in self._narrow]
        for one in self._sockets:
            await connect_narrow(self._crowd.sockets.port, one)

    def _socket(self, subscriber: str) -> Socket:
        hello = {"type": "hello", "since": self._feeds[subscriber].version}
        wanted = replace(self._crowd.sockets, says=json.dumps(hello))
        return socket_of(wanted, subscriber, partial(self._hear, subscriber))

    async def _send(self, outcome: Outcome, load: Load) -> None:
        arrivals = self._arrivals = Arrivals(self._arrivals.after)
        large = Load(self._crowd.large_rate, load.seconds)
        async with calling(self._crowd.gateway_port) as callers:
            late, _ = await asyncio.gather(
                send(load, callers, in_turn(self._quick, arrivals)),
                send(large, callers, self._make_large),
            )
            with suppress(TimeoutError):
                await wait_until(lambda: not arrivals.missing, ARRIVE_S, "all to arrive")
            outcome.add(arrivals.latencies_s(time.monotonic()), late)
            outcome.amiss += arrivals.missing + callers.refused

    def _make_large(self, due_at: float) -> bytes:
        self._large += 1
        return event(LARGE_NUMBER, due_at, self._narrow, self._crowd.large_bytes)

    @contextmanager
    def _stalled(self) -> Iterator[None]:
        for one in self._sockets:
            one.transport.pause_reading()
        yield
        for one in self._sockets:
            one.transport.resume_reading()

    def _is_level(self) -> bool:
        return all(one.version >= self._large for one in self._narrow_feeds())

    def _narrow_feeds(self) -> Iterator[Feed]:
        return (self._feeds[name] for name in self._narrow)

    def _hear(self, subscriber: str, frames: Sequence[bytes]) -> None:
        now = time.monotonic()
        for frame in frames:
            if (one := news(frame)) is not None:
                self._feeds[subscriber].hear(one.version)
                self._arrivals.arrive(one.mark.number, subscriber, now - one.mark.due_at)
            elif begins_replay(frame):
                self._resumed.add(subscriber)


async def connect_narrow(port: int, one: Socket) -> None:
    """Returns once it is ready; on a connection whose kernels keep little."""
    loop = asyncio.get_running_loop()
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    narrow.setblocking(False)
    await loop.sock_connect(narrow, ("127.0.0.1", port))
    await loop.create_connection(lambda: one, sock=narrow)
    await one.ready
