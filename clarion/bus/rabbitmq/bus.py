"""A RabbitMQ cluster as a `Bus`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from clarion.bus.protocol import BusStatus, LiveSubscription, Message, Subscription
from clarion.bus.rabbitmq.connection import Connection, connection_to, user_of
from clarion.bus.rabbitmq.declaration import declare_exchanges
from clarion.bus.rabbitmq.link import Link
from clarion.bus.rabbitmq.live import RabbitMQLiveSubscription
from clarion.bus.rabbitmq.publisher import Publisher
from clarion.bus.rabbitmq.subscription import WorkSubscription
from clarion.bus.rabbitmq.watch import Watch
from clarion.topology import DECLARED_QUEUES

CLOSE_S = 5.0

_QUEUES = {queue.name: queue for queue in DECLARED_QUEUES}


class RabbitMQBus:
    """See `clarion.bus.protocol.Bus`."""

    def __init__(
        self, urls: Sequence[str], *, publish_timeout_s: float, frame_tap: bool = True
    ) -> None:
        self.users = frozenset(map(user_of, urls))
        self._publisher = Publisher(urls, timeout_s=publish_timeout_s)
        # who consumes declares its own queue: a broker that comes up is busy enough
        self._consuming = Link(
            "consume",
            urls,
            _nothing_to_prepare,
            connect=partial(connection_to, frame_tap=frame_tap),
            declare=declare_exchanges,
        )
        self._subscriptions: list[WorkSubscription] = []
        self._ears: list[RabbitMQLiveSubscription] = []
        self._watch = Watch(self._missing)

    async def start(self) -> None:
        # what these say at every failed try, we say once
        for name in ("aio_pika", "aiormq"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            await self._publisher.link.start()
            await self._consuming.start()
            self._watch.start()
        except BaseException:
            await self.close()
            raise

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        await self._publisher.publish(exchange, key, message, mandatory)

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        found = _QUEUES.get(queue)
        if found is None:
            raise ValueError(f"{queue} is not a queue of clarion.topology")
        subscription = WorkSubscription(self._consuming, found, prefetch)
        self._subscriptions.append(subscription)
        return subscription

    def listen(self, keys: Sequence[str]) -> LiveSubscription:
        ear = RabbitMQLiveSubscription(self._consuming, keys)
        self._ears.append(ear)
        return ear

    def status(self) -> BusStatus:
        why_not = self._publisher.why_not()
        idle = [one.name for one in (*self._subscriptions, *self._ears) if not one.is_consuming]
        consumes = self._consuming.why_not()
        if not consumes:
            consumes = f"No consumer on {', '.join(idle)}." if idle else self._watch.why_not()
        return BusStatus(not why_not, not consumes, why_not or consumes, self._watch.lost())

    async def close(self) -> None:
        """In order: consumers, what was not taken, channels, connections; within 8 s."""
        self._watch.stop()
        readers = (*self._ears, *self._subscriptions)
        with suppress(TimeoutError):  # closing the connections gives back what is left
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(one.close() for one in readers))
                await asyncio.gather(*(one.end() for one in self._subscriptions))
        for one in readers:
            one.abandon()
        await asyncio.gather(self._consuming.close(), self._publisher.link.close())
        self._subscriptions.clear()
        self._ears.clear()

    def _missing(self) -> list[str]:
        """Queues of ours without a consumer while the broker answers."""
        if not self._consuming.is_up:
            return []
        return [one.name for one in (*self._subscriptions, *self._ears) if not one.has_consumer]


async def _nothing_to_prepare(_: Connection) -> None:
    """A consuming connection is prepared by its subscriptions."""
