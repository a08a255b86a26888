"""A RabbitMQ cluster as a `Bus`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from clarion.bus.protocol import BusStatus, LiveSubscription, Message, Subscription
from clarion.bus.rabbitmq.connection import BrokerConnection, connection_to, user_of
from clarion.bus.rabbitmq.consumer_watchdog import ConsumerWatchdog
from clarion.bus.rabbitmq.declaration import declare_exchanges
from clarion.bus.rabbitmq.live import RabbitMQLiveSubscription
from clarion.bus.rabbitmq.publisher import ConfirmingPublisher
from clarion.bus.rabbitmq.subscription import WorkSubscription
from clarion.bus.rabbitmq.supervised_connection import SupervisedConnection
from clarion.topology import DECLARED_QUEUES

CLOSE_S = 5.0

_QUEUES = {queue.name: queue for queue in DECLARED_QUEUES}


class RabbitMQBus:
    """See `clarion.bus.protocol.Bus`."""

    def __init__(
        self, urls: Sequence[str], *, publish_timeout_s: float, frame_tap: bool = True
    ) -> None:
        self.users = frozenset(map(user_of, urls))
        self._publisher = ConfirmingPublisher(urls, timeout_s=publish_timeout_s)
        # who consumes declares its own queue: a broker that comes up is busy enough
        self._consuming = SupervisedConnection(
            "consume",
            urls,
            _nothing_to_prepare,
            connect=partial(connection_to, frame_tap=frame_tap),
            declare=declare_exchanges,
        )
        self._subscriptions: list[WorkSubscription] = []
        self._live_subscriptions: list[RabbitMQLiveSubscription] = []
        self._watch = ConsumerWatchdog(self._missing)

    async def start(self) -> None:
        # what these say at every failed try, we say once
        for name in ("aio_pika", "aiormq"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            await self._publisher.connection.start()
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
        subscription = RabbitMQLiveSubscription(self._consuming, keys)
        self._live_subscriptions.append(subscription)
        return subscription

    def status(self) -> BusStatus:
        why_not = self._publisher.why_not()
        idle = [
            reader.name
            for reader in (*self._subscriptions, *self._live_subscriptions)
            if not reader.is_consuming
        ]
        consumes = self._consuming.why_not()
        if not consumes:
            consumes = f"No consumer on {', '.join(idle)}." if idle else self._watch.why_not()
        return BusStatus(not why_not, not consumes, why_not or consumes, self._watch.lost())

    async def close(self) -> None:
        """Close consumers, return untaken messages, close channels and connections; within 8 s."""
        self._watch.stop()
        readers = (*self._live_subscriptions, *self._subscriptions)
        with suppress(TimeoutError):  # closing the connections gives back what is left
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(reader.close() for reader in readers))
                await asyncio.gather(*(subscription.end() for subscription in self._subscriptions))
        for reader in readers:
            reader.abandon()
        await asyncio.gather(self._consuming.close(), self._publisher.connection.close())
        self._subscriptions.clear()
        self._live_subscriptions.clear()

    def _missing(self) -> list[str]:
        """Queues of ours without a consumer while the broker answers."""
        if not self._consuming.is_up:
            return []
        return [
            reader.name
            for reader in (*self._subscriptions, *self._live_subscriptions)
            if not reader.has_consumer
        ]


async def _nothing_to_prepare(_: BrokerConnection) -> None:
    """A consuming connection is prepared by its subscriptions."""
