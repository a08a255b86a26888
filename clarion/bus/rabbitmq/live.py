"""Hearing announcements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aio_pika.abc import AbstractChannel, AbstractQueue
from aiormq.abc import DeliveredMessage
from pamqp.common import Arguments

from clarion.bus.live_buffer import LiveBuffer
from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.consumer import Consumer
from clarion.bus.rabbitmq.link import Link
from clarion.bus.rabbitmq.received import received
from clarion.topology import LIVE, LIVE_QUEUE


class RabbitMQLiveSubscription:
    """See `clarion.bus.protocol.LiveSubscription`. Its queue is new, and named by the broker, at
    each connection: after a half-open one the old name may be locked for a while."""

    name = LIVE
    no_ack = True

    def __init__(self, link: Link, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        self._heard = LiveBuffer()
        self._closed = False
        self._consumer = Consumer(link, self)

    @property
    def is_consuming(self) -> bool:
        return self._closed or self._consumer.is_consuming

    @property
    def has_consumer(self) -> bool:
        return self._closed or self._consumer.is_known

    async def take(self, limit: int) -> list[Received]:
        return await self._heard.take(limit)

    def epoch(self) -> int:
        return self._heard.epoch

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._heard.close()
            await self._consumer.end()

    def abandon(self) -> None:
        """The connection is about to go: wait for nothing."""
        self._consumer.abandon()

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        queue = await channel.declare_queue(
            None, exclusive=True, arguments=cast(Arguments, LIVE_QUEUE)
        )
        for key in self._keys:
            await queue.bind(LIVE, key)
        return queue

    def began(self, generation: int) -> None:
        self._heard.epoch += 1

    def deliver(self, message: DeliveredMessage, generation: int) -> None:
        self._heard.put(received(message, generation))

    def is_idle(self) -> bool:
        return False  # a new queue begins deaf, and nobody else can touch this one

    def lost(self) -> None:
        """What was heard before the loss is still good."""
