"""Sockets of a load client that only listen; raw, for a library would cost more than the server."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from bench.lib.events import TOKEN_SECRET, names
from bench.loads.websocket import PING, PONG, Answer, Frames, masked, payload_of
from clarion.tokens.subscriber import mint_token

EVERYONE = "everyone"
AT_ONCE = 50
CONNECTIONS_AN_ADDRESS = 5_000
"""Past these a client on one machine runs out of ports."""

Hear = Callable[[Sequence[bytes]], None]
"""Takes frames, header and all, that came together."""


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

    def subscribers(self) -> Sequence[str]:
        """Whose sessions they are."""
        return [EVERYONE] * self.sessions if self.shared else names(self.sessions)


class Socket(asyncio.Protocol):
    """One socket: what comes after it is ready is heard; pings are answered."""

    def __init__(self, request: bytes, first: bytes, ready_word: bytes, hear: Hear) -> None:
        self._request = request
        self._first = first
        self._ready_word = ready_word
        self._hear = hear
        self._frames = Frames()
        self._answer = Answer()
        self._upgraded = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            answer = self._answer.feed(data)
            if answer is None:
                return
            head, data = answer
            self._upgrade(head)
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))

    def _upgrade(self, head: bytes) -> None:
        if b" 101 " not in head:
            self.ready.set_exception(ConnectionError(head.decode(errors="replace")))
            self.transport.abort()
            return
        self._upgraded = True
        if self._first:
            self.transport.write(self._first)
        if not self._ready_word:
            self.ready.set_result(None)

    def _take(self, data: bytes) -> None:
        heard: list[bytes] = []
        for frame in self._frames.feed(data):
            if frame[0] == PING:
                self.transport.write(masked(payload_of(frame), PONG))
            elif self.ready.done():
                heard.append(frame)
            elif self._ready_word in frame:
                self.ready.set_result(None)
        if heard:
            self._hear(heard)


def socket_of(wanted: Sockets, subscriber: str, hear: Hear) -> Socket:
    """One of a subscriber's; what it will write is made."""
    token, _ = mint_token(TOKEN_SECRET, tenant="default", subscriber=subscriber, ttl_s=3600)
    says = wanted.says.replace("{token}", token).encode()
    request = upgrade(wanted.path.replace("{name}", subscriber), token)
    return Socket(request, masked(says) if says else b"", wanted.ready.encode(), hear)


def upgrade(path: str, token: str) -> bytes:
    """A request for a WebSocket."""
    key = b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
        f"connection: Upgrade\r\nsec-websocket-key: {key}\r\n"
        f"sec-websocket-version: 13\r\nauthorization: Bearer {token}\r\n\r\n"
    ).encode()


async def connect(port: int, sockets: Sequence[Socket]) -> None:
    """Returns once all are ready."""
    loop = asyncio.get_running_loop()
    for first in range(0, len(sockets), AT_ONCE):
        group = sockets[first : first + AT_ONCE]
        address = f"127.0.0.{1 + first // CONNECTIONS_AN_ADDRESS}"
        for one in group:
            await loop.create_connection(
                lambda one=one: one, "127.0.0.1", port, local_addr=(address, 0)
            )
        await asyncio.gather(*(one.ready for one in group))
