"""Stands between a transport and aiormq's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from pamqp.heartbeat import Heartbeat

from clarion.bus.rabbitmq.aiormq_internals import Cause
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser

ALIVE = Heartbeat().marshal()
ALIVE_EVERY_S = 1.0
"""aiormq gives up a silent peer, and RabbitMQ sends no heartbeats while it sends messages. So
aiormq reads one in place of the frames taken out."""


class FrameTap(asyncio.Protocol):
    """What `parser` leaves goes on to the protocol that the transport had. `received_at` is when
    the peer last sent anything; `on_end` is called when it has ended the connection or is
    unreachable."""

    def __init__(
        self, transport: asyncio.Transport, parser: DeliveryParser, clock: Callable[[], float]
    ) -> None:
        self._behind = cast(asyncio.Protocol, transport.get_protocol())
        self._parser = parser
        self._clock = clock
        self._taken = 0
        self._alive_at = 0.0
        self.received_at = clock()
        self.on_end: Callable[[Cause], None] = _nothing
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self.received_at = now = self._clock()
        left = self._parser.take(data)
        if left:
            self._behind.data_received(left)
        taken = self._parser.taken
        if taken == self._taken:
            return
        self._taken = taken
        if now >= self._alive_at:
            self._alive_at = now + ALIVE_EVERY_S
            self._behind.data_received(ALIVE)

    def eof_received(self) -> bool | None:
        try:
            return self._behind.eof_received()
        finally:
            self.on_end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        try:
            self._behind.connection_lost(exc)
        finally:
            self.on_end(exc)

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()


def _nothing(_: Cause) -> None:
    """Ignore the end: no callback is set yet."""
