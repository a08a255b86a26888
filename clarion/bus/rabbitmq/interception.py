"""Stands between a transport and aiormq's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from pamqp.heartbeat import Heartbeat

from clarion.bus.rabbitmq.deliveries import Deliveries

ALIVE = Heartbeat().marshal()
ALIVE_EVERY_S = 1.0
"""aiormq gives up a peer of whom it reads nothing, and RabbitMQ sends no heartbeats while it sends
messages. So aiormq reads one in the place of what was taken out."""


class Interception(asyncio.Protocol):
    """What `deliveries` leaves goes on to the protocol that the transport had."""

    def __init__(
        self, transport: asyncio.Transport, deliveries: Deliveries, clock: Callable[[], float]
    ) -> None:
        self._behind = cast(asyncio.Protocol, transport.get_protocol())
        self._deliveries = deliveries
        self._clock = clock
        self._taken = 0
        self._alive_at = 0.0
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        left = self._deliveries.take(data)
        if left:
            self._behind.data_received(left)
        taken = self._deliveries.taken
        if taken == self._taken:
            return
        self._taken = taken
        now = self._clock()
        if now >= self._alive_at:
            self._alive_at = now + ALIVE_EVERY_S
            self._behind.data_received(ALIVE)

    def eof_received(self) -> bool | None:
        return self._behind.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()
