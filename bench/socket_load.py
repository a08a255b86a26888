"""`python -m bench.socket_load JSON`: sockets that only listen; JSON is a `Sockets`.

Writes `open` once all are ready, and `round` each time as many further frames have come as there
are sockets. Raw sockets: a library would cost more than the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from bench.events import TOKEN_SECRET, names
from bench.websocket import Frames, masked
from clarion.tokens.subscriber import mint_token

EVERYONE = "everyone"
AT_ONCE = 50
CONNECTIONS_AN_ADDRESS = 5_000
"""Past these a client on one machine runs out of ports."""


@dataclass(frozen=True)
class Sockets:
    """How clients of one contender connect, and how many.

    In `path` and `says` stand `{name}` and `{token}` for the subscriber's own.
    """

    port: int
    path: str
    says: str = ""
    """What a client writes first, once it is upgraded."""
    ready: str = ""
    """What the frame holds that tells a client that it is let in; empty: the upgrade does."""
    sessions: int = 0
    shared: bool = False
    """All are sessions of one subscriber, `EVERYONE`."""

    def argument(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


class Tally:
    """Frames of all sockets; tells at every full round."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._frames = 0

    def add(self, frames: int) -> None:
        before = self._frames // self._sessions
        self._frames += frames
        for _ in range(self._frames // self._sessions - before):
            print("round", flush=True)


class Socket(asyncio.Protocol):
    """One socket: counts what comes after it is ready."""

    def __init__(self, request: bytes, first: bytes, ready_word: bytes, tally: Tally) -> None:
        self._request = request
        self._first = first
        self._ready_word = ready_word
        self._tally = tally
        self._frames = Frames()
        self._head = b""
        self._upgraded = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return
            self._upgrade(head)
        self._count(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))

    def _upgrade(self, head: bytes) -> None:
        if b" 101 " not in head:
            self.ready.set_exception(ConnectionError(head.decode(errors="replace")))
            self._transport.abort()
            return
        self._upgraded = True
        if self._first:
            self._transport.write(self._first)
        if not self._ready_word:
            self.ready.set_result(None)

    def _count(self, data: bytes) -> None:
        frames = 0
        for frame in self._frames.feed(data):
            if self.ready.done():
                frames += 1
            elif self._ready_word in frame:
                self.ready.set_result(None)
        if frames:
            self._tally.add(frames)


def clients(wanted: Sockets) -> Iterator[Socket]:
    """One for each session; what they will write is made before the first connects."""
    tally = Tally(wanted.sessions)
    made: list[tuple[bytes, bytes]] = []
    for name in [EVERYONE] * wanted.sessions if wanted.shared else names(wanted.sessions):
        token, _ = mint_token(TOKEN_SECRET, tenant="default", subscriber=name, ttl_s=3600)
        says = wanted.says.replace("{token}", token)
        path = wanted.path.replace("{name}", name)
        made.append((upgrade(path, token), masked(says.encode()) if says else b""))
    for request, first in made:
        yield Socket(request, first, wanted.ready.encode(), tally)


def upgrade(path: str, token: str) -> bytes:
    """A request for a WebSocket."""
    key = b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
        f"connection: Upgrade\r\nsec-websocket-key: {key}\r\n"
        f"sec-websocket-version: 13\r\nauthorization: Bearer {token}\r\n\r\n"
    ).encode()


async def main(wanted: Sockets) -> None:
    loop = asyncio.get_running_loop()
    sockets = list(clients(wanted))
    print("prepared", flush=True)
    for first in range(0, wanted.sessions, AT_ONCE):
        group = sockets[first : first + AT_ONCE]
        address = f"127.0.0.{1 + first // CONNECTIONS_AN_ADDRESS}"
        for one in group:
            await loop.create_connection(
                lambda one=one: one, "127.0.0.1", wanted.port, local_addr=(address, 0)
            )
        await asyncio.gather(*(one.ready for one in group))
    print("open", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Sockets(**json.loads(sys.argv[1]))))
