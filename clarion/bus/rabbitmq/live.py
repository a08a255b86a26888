"""The subscription to announcements."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import cast

from aio_pika.abc import AbstractChannel, AbstractQueue
from pamqp.common import Arguments

from clarion.bus.live_buffer import LiveBuffer
from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.consumer import SupervisedConsumer
from clarion.bus.rabbitmq.outcome import BrokerFailure, within
from clarion.bus.rabbitmq.supervised_connection import SupervisedConnection
from clarion.errors import BusUnavailable
from clarion.topology import LIVE, LIVE_QUEUE

BIND_S = 5.0


class RabbitMQLiveSubscription:
    """See `clarion.bus.protocol.LiveSubscription`. Its queue is new, and named by the broker, at
    each connection: after a half-open one the old name may be locked for a while. It begins with
    all keys that are wanted then, in an epoch of its own."""

    name = LIVE
    no_ack = True

    def __init__(self, connection: SupervisedConnection, keys: Sequence[str]) -> None:
        self._keys = set(keys)
        self._queue: AbstractQueue | None = None
        self._buffer = LiveBuffer()
        self._closed = False
        self._consumer = SupervisedConsumer(connection, self)

    @property
    def is_consuming(self) -> bool:
        return self._closed or self._consumer.is_consuming

    @property
    def has_consumer(self) -> bool:
        return self._closed or self._consumer.is_known

    async def take(self, limit: int) -> list[Received]:
        return await self._buffer.take(limit)

    async def bind(self, key: str) -> None:
        self._keys.add(key)
        if self._queue is not None:
            await self._change(self._queue.bind(LIVE, key))

    async def unbind(self, key: str) -> None:
        self._keys.discard(key)
        if self._queue is not None:
            await self._change(self._queue.unbind(LIVE, key))

    def epoch(self) -> int:
        return self._buffer.epoch

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._buffer.close()
            await self._consumer.end()

    def abandon(self) -> None:
        """The connection is about to close: do not wait."""
        self._consumer.abandon()

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        queue = await channel.declare_queue(
            None, exclusive=True, arguments=cast(Arguments, LIVE_QUEUE)
        )
        bound: set[str] = set()
        while missing := self._keys - bound:  # more may be wanted meanwhile
            for key in missing:
                await queue.bind(LIVE, key)
            bound |= missing
        self._queue = queue
        return queue

    def on_consuming(self, generation: int) -> None:
        self._buffer.begin_epoch()

    def deliver(self, message: Received) -> None:
        self._buffer.put(message)

    def is_idle(self) -> bool:
        return False  # a new queue has no bindings, and this one is exclusive

    def on_lost(self) -> None:
        """Announcements received before the loss stay valid."""
        self._queue = None

    async def _change(self, asked: Awaitable[object]) -> None:
        """Wait for a change of the bindings; one that fails is made by a new queue. Raises
        `BusUnavailable` where the broker does not answer."""
        try:
            await within(BIND_S, asked)
        except BrokerFailure as failure:
            self._consumer.renew()
            if isinstance(failure.__cause__, TimeoutError):
                detail = "The broker does not confirm a change of bindings."
                raise BusUnavailable(detail) from None
