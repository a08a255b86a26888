"""The feed as server-sent events: a connection of `GET /v1/live/sse` after its response started.

It is both the `SessionTransport` of its session and the `Writer` of its write buffer: the session
writes WebSocket frames, which become events here. So hub, replay, limits and deadlines are shared
with the WebSocket, and an idle stream has no task, queue or timer either.

An event has the default type `message`: its data is the frame, its id the epoch and version to
resume from, if the frame has one. A `heartbeat` event shows pages, which cannot see comments, that
the stream is alive. The last event is `close`, with code, reason and whether to reconnect.
"""

from __future__ import annotations

import asyncio
import socket
from random import SystemRandom
from typing import TYPE_CHECKING, cast

import msgspec

from clarion.contracts.frames import Hello
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.sockets.connection import SessionConnection
from services.pusher.wire import frames
from services.pusher.wire.close_codes import CLOSE_CODES

if TYPE_CHECKING:
    from services.pusher.engine import Engine

MIN_RETRY_MS, MAX_RETRY_MS = 1_000, 5_000
HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"
RESUMABLE = frozenset({"notification", "changed", "caught_up"})
LAST_CHUNK = b"0\r\n\r\n"
COME_BACK = {code.code: code.is_temporary for code in CLOSE_CODES}

_random = SystemRandom()


class FrameHead(msgspec.Struct):
    """The fields of a frame that its event repeats outside of the data."""

    type: str
    version: int = 0
    epoch: str = ""
    after_ms: int | None = None


class CloseEvent(msgspec.Struct):
    """The data of the `close` event."""

    code: int
    reason: str
    come_back: bool


_head = msgspec.json.Decoder(FrameHead).decode


class EventStream(SessionConnection):
    """Created when the connection is taken over from HTTP."""

    __slots__ = ("_epoch", "_is_chunked")

    def __init__(
        self,
        engine: Engine,
        transport: asyncio.Transport,
        connections: set[object],
        *,
        is_chunked: bool,
    ) -> None:
        super().__init__(engine, connections)
        self._is_chunked = is_chunked
        self._epoch = ""
        self.connection_made(transport)

    def open(self, claims: SubscriberToken, hello: Hello, address: str) -> None:
        """Open the session."""
        if self._transport is None:
            return  # the peer left while its token was verified
        set_user_timeout(self._transport, 2 * self._engine.heartbeat_s)
        retry_ms = _random.randrange(MIN_RETRY_MS, MAX_RETRY_MS)
        self._transport.write(self._encoded(b"retry: %d\n\n" % retry_ms))
        self._session = self._engine.open_stream(self, self, claims, hello, address)

    # From the session

    def half_close(self) -> None:
        """As `SessionTransport`; a stream has no input."""

    def resume_reading(self) -> None:
        """As `SessionTransport`."""

    # From the write buffer

    def get_write_buffer_size(self) -> int:
        """As `Writer`."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def write(self, data: bytes) -> None:
        """As `Writer`: whole frames."""
        transport = self._transport
        if transport is None:
            return
        if self._session is not None and not transport.get_write_buffer_size():
            self._session.deadlines.on_received(self._engine.clock())  # it takes data
        events: list[bytes] = []
        has_ended = False
        for opcode, payload in frames.split(data):
            if opcode == frames.FINAL_TEXT:
                events.append(self._event(payload))
            elif opcode == frames.FINAL_PING:
                events.append(HEARTBEAT)
            elif opcode == frames.FINAL_CLOSE:
                events.append(close_event(payload))
                has_ended = True
        if events:
            transport.write(self._encoded(b"".join(events)))
        if has_ended:
            if self._is_chunked:
                transport.write(LAST_CHUNK)
            transport.close()

    def _encoded(self, body: bytes) -> bytes:
        return chunk(body) if self._is_chunked else body

    def _event(self, payload: bytes) -> bytes:
        head = _head(payload)
        # JSON allows line ends between tokens, which would end the event
        lines = [b"data: " + line for line in payload.splitlines()]
        if head.type in RESUMABLE:
            lines.append(f"id: {self._epoch}.{head.version}".encode())
        elif head.epoch:
            self._epoch = head.epoch
        if head.after_ms is not None:
            lines.append(b"retry: %d" % head.after_ms)
        return b"\n".join([*lines, b"", b""])


def close_event(payload: bytes) -> bytes:
    """A close frame as an event."""
    code = int.from_bytes(payload[:2], "big")
    ending = CloseEvent(code, payload[2:].decode(), COME_BACK.get(code, True))
    return b"event: close\ndata: " + msgspec.json.encode(ending) + b"\n\n"


def chunk(body: bytes) -> bytes:
    """A chunk of HTTP/1.1 (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def set_user_timeout(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel drop a peer that acknowledges nothing for so long, where supported."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    raw = cast("socket.socket | None", transport.get_extra_info("socket"))
    if option is not None and raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
