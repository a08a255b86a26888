"""Sessions that come back as the browser client does, and check every version that they get."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from bench.events import TOKEN_SECRET
from bench.websocket import frame_end
from clarion.tokens.subscriber import mint_token

MASK = b"\0\0\0\0"
OPENED_AT_ONCE = 100
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 10.0
PATIENCE_S = 15.0


class Heard(msgspec.Struct):
    """As much of a frame as is checked."""

    type: str
    version: int = 0
    unread: int = 0
    after_ms: int = 0
    reset: bool = False


_heard = msgspec.json.Decoder(Heard).decode


class Sessions:
    """All sessions, and what went wrong with them. `begin` begins to count anew."""

    def __init__(self, subscribers: Sequence[str], ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self.wrong: list[str] = []
        self.closes: Counter[int] = Counter()
        self.refused = 0
        self.away_s: list[float] = []
        self._all = [Session(self, name) for name in subscribers]

    def __len__(self) -> int:
        return len(self._all)

    async def open(self, at: int) -> None:
        """Connect all to one port; returns when they have caught up."""
        self.prefer(self.ports[at])
        for first in range(0, len(self._all), OPENED_AT_ONCE):
            group = self._all[first : first + OPENED_AT_ONCE]
            for one in group:
                one.connect()
            await self._until(lambda group=group: all(one.is_live for one in group), 60, "open")

    def prefer(self, port: int) -> None:
        """Who comes back goes there first."""
        self.ports.sort(key=lambda one: one != port)

    def begin(self) -> None:
        """Count anew."""
        self.closes.clear()
        self.refused = 0
        self.away_s.clear()

    async def lost(self, timeout_s: float) -> None:
        """Return when every session has lost its connection once."""
        await self._until(lambda: self.closes.total() >= len(self), timeout_s, "all lost")

    async def back(self, timeout_s: float) -> None:
        """Return when every session is live."""
        await self._until(lambda: all(one.is_live for one in self._all), timeout_s, "all back")

    async def moved(self, port: int, timeout_s: float) -> None:
        """Return when every session is live there."""
        await self._until(
            lambda: all(one.is_live and one.port == port for one in self._all),
            timeout_s,
            "all moved",
        )

    async def reach(self, heads: Mapping[str, int], timeout_s: float) -> None:
        """Return when each has every version of its feed."""
        await self._until(
            lambda: all(one.version == heads[one.subscriber] for one in self._all),
            timeout_s,
            "all exact",
        )

    async def _until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                behind = sum(not one.is_live for one in self._all)
                raise TimeoutError(f"{what}: {behind} sessions are not live; {self.wrong[:3]}")
            await asyncio.sleep(0.05)


class Session:
    """One subscriber's client; `version` is the last that it had, each exactly once."""

    def __init__(self, crowd: Sessions, subscriber: str) -> None:
        self.crowd = crowd
        self.subscriber = subscriber
        self.version = 0
        self.is_live = False
        self.port = 0
        self.not_before = 0.0
        self._failures = 0
        self._left_at: float | None = None
        self._socket: Socket | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._token, _ = mint_token(
            TOKEN_SECRET, tenant="default", subscriber=subscriber, ttl_s=3600
        )

    def connect(self) -> None:
        """Try the ports in turn."""
        self.port = self.crowd.ports[max(0, self._failures - 1) % len(self.crowd.ports)]
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self._socket = await loop.create_connection(
                lambda: Socket(self, self._token), "127.0.0.1", self.port
            )
        except OSError:
            self.crowd.refused += 1
            self.come_back()

    def leave(self, socket: Socket) -> None:
        """The server wanted us gone by now."""
        if socket is self._socket:
            socket.close()

    def ended(self, socket: Socket, code: int | None) -> None:
        """The connection is over; without a code it never became a socket."""
        if socket is not self._socket and self._socket is not None and code is not None:
            return
        if code is None:
            self.crowd.refused += 1
        else:
            self.crowd.closes[code] += 1
        if self.is_live:
            self._left_at = time.monotonic()
        self.is_live = False
        self._socket = None
        self.come_back()

    def come_back(self) -> None:
        """After what the server said, or full jitter."""
        self._failures += 1
        told = self.not_before - time.monotonic()
        most = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 5))
        wait = max(0.0, told) if self.not_before else random.uniform(0, most)
        self.not_before = 0.0
        asyncio.get_running_loop().call_later(wait, self.connect)

    def hear(self, frame: Heard, socket: Socket) -> None:
        """Check what comes."""
        match frame.type:
            case "notification":
                if frame.version != self.version + 1 or frame.unread < frame.version:
                    self.crowd.wrong.append(f"{self.subscriber}: {frame} after {self.version}")
                self.version = frame.version
            case "caught_up":
                self._live(frame)
            case "reconnect":
                self.not_before = time.monotonic() + frame.after_ms / 1000
                loop = asyncio.get_running_loop()
                loop.call_later(frame.after_ms / 1000, self.leave, socket)
            case _:
                if frame.reset or frame.type in ("changed", "error"):
                    self.crowd.wrong.append(f"{self.subscriber}: {frame}")

    def _live(self, frame: Heard) -> None:
        if frame.version != self.version:
            self.crowd.wrong.append(f"{self.subscriber}: {frame} after {self.version}")
        self.is_live = True
        self._failures = 0
        if self._left_at is not None:
            self.crowd.away_s.append(time.monotonic() - self._left_at)
            self._left_at = None


class Socket(asyncio.Protocol):
    """A WebSocket, as raw as it can be: a library would cost more than the server."""

    def __init__(self, session: Session, token: str) -> None:
        self._session = session
        self._token = token
        self._buffer = b""
        self._upgraded = False
        self._code = 1006

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = b64encode(os.urandom(16)).decode()
        self._transport.write(
            (
                "GET /v1/live HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
                f"connection: Upgrade\r\nsec-websocket-key: {key}\r\n"
                f"sec-websocket-version: 13\r\nauthorization: Bearer {self._token}\r\n\r\n"
            ).encode()
        )
        asyncio.get_running_loop().call_later(PATIENCE_S, self._lose_patience)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self._transport.abort()
                return
            self._upgraded, self._buffer = True, rest
            self._send({"type": "hello", "since": self._session.version})
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.ended(self, self._code if self._upgraded else None)

    def close(self) -> None:
        """Leave of one's own accord."""
        self._code = 1000
        self._transport.close()

    def _lose_patience(self) -> None:
        if not self._upgraded:
            self._transport.abort()

    def _send(self, frame: Mapping[str, Any]) -> None:
        payload = json.dumps(frame).encode()
        self._transport.write(b"\x81" + bytes([0x80 | len(payload)]) + MASK + payload)

    def _read(self) -> None:
        buffer, at = self._buffer, 0
        while (end := frame_end(buffer, at)) is not None:
            payload = payload_of(buffer[at:end])
            if buffer[at] == 0x81:
                self._session.hear(_heard(payload), self)
            elif buffer[at] == 0x89:
                self._transport.write(b"\x8a\x80" + MASK)
            elif buffer[at] == 0x88:
                self._code = int.from_bytes(payload[:2])
                self._transport.close()
            at = end
        self._buffer = buffer[at:]


def payload_of(frame: bytes) -> bytes:
    """What an unmasked frame holds."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]
