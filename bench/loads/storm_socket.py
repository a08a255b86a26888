"""A WebSocket of the storm, as raw as it can be: a library would cost more than the server."""

from __future__ import annotations

import asyncio
import json
from typing import Protocol, cast

import msgspec

from bench.loads.sockets import upgrade
from bench.loads.websocket import CLOSE, PING, PONG, TEXT, Answer, Frames, masked, payload_of

PATIENCE_S = 15.0
"""How long an upgrade may take."""


class Heard(msgspec.Struct):
    """As much of a frame as is checked."""

    type: str
    version: int = 0
    unread: int = 0
    after_ms: int = 0
    reset: bool = False


_heard = msgspec.json.Decoder(Heard).decode


class Owner(Protocol):
    """Whose socket it is."""

    version: int
    """The last that it has."""

    def hear(self, frame: Heard, socket: Socket) -> None:
        """Take a frame."""
        ...

    def ended(self, socket: Socket, code: int | None) -> None:
        """The connection is over; without a code it never became a socket."""
        ...


class Socket(asyncio.Protocol):
    """Says `hello` with what its owner has, answers pings, hands over what it hears."""

    def __init__(self, owner: Owner, token: str) -> None:
        self._owner = owner
        self._token = token
        self._answer = Answer()
        self._frames = Frames()
        self._upgraded = False
        self._code = 1006

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(upgrade("/v1/live", self._token))
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            answer = self._answer.feed(data)
            if answer is None:
                return
            head, data = answer
            self._upgrade(head)
        for frame in self._frames.feed(data):
            self._take(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        self._owner.ended(self, self._code if self._upgraded else None)

    def close(self) -> None:
        """Leave of one's own accord."""
        self._code = 1000
        self._transport.close()

    def _upgrade(self, head: bytes) -> None:
        if b" 101 " not in head:
            self._transport.abort()
            return
        self._upgraded = True
        self._patience.cancel()
        hello = {"type": "hello", "since": self._owner.version}
        self._transport.write(masked(json.dumps(hello).encode()))

    def _take(self, frame: bytes) -> None:
        payload = payload_of(frame)
        if frame[0] == TEXT:
            self._owner.hear(_heard(payload), self)
        elif frame[0] == PING:
            self._transport.write(masked(payload, PONG))
        elif frame[0] == CLOSE:
            self._code = int.from_bytes(payload[:2])
            self._transport.close()
