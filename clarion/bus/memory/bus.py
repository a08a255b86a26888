"""A connection to a memory broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from clarion.bus.memory.broker import MemoryBroker
from clarion.bus.memory.subscriptions import MemoryLiveSubscription, MemorySubscription
from clarion.bus.protocol import BusStatus, LiveSubscription, Message, Subscription
from clarion.errors import BusUnavailable

log = structlog.get_logger("clarion.bus")


OWN_USER = "clarion"
"""The publisher's name where there are no users."""


class MemoryBus:
    """See `clarion.bus.protocol.Bus`. Two of them on one broker are two connections to it, and
    `user` is whose; None publishes without a user id."""

    def __init__(self, broker: MemoryBroker | None = None, *, user: str | None = OWN_USER) -> None:
        self._broker = broker or MemoryBroker()
        self._user = user
        self.users = frozenset({user} if user else ())
        self._subscriptions: list[MemorySubscription] = []
        self._live_subscriptions: list[MemoryLiveSubscription] = []
        self._open = False

    async def start(self) -> None:
        self._open = True
        log.warning(
            "bus_in_memory",
            detail="Accepted events end with this process; set CLARION_AMQP_URL to keep them.",
        )

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if not self._open:
            raise BusUnavailable("The bus is closed.")
        self._broker.publish(exchange, key, message, mandatory=mandatory, user=self._user)
        await asyncio.sleep(0)  # a loop that only publishes must not starve its readers

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        found = self._broker.queues.get(queue)
        if found is None:
            raise ValueError(f"{queue} is not a queue of clarion.topology")
        subscription = MemorySubscription(self._broker, found, prefetch)
        self._subscriptions.append(subscription)
        return subscription

    def listen(self, keys: Sequence[str]) -> LiveSubscription:
        subscription = MemoryLiveSubscription(self._broker, keys)
        self._live_subscriptions.append(subscription)
        return subscription

    def status(self) -> BusStatus:
        return BusStatus(self._open, self._open, "" if self._open else "The bus is closed.")

    async def close(self) -> None:
        self._open = False
        for subscription in self._live_subscriptions:
            await subscription.close()
        for subscription in self._subscriptions:
            await subscription.close()
            subscription.end()
        self._live_subscriptions.clear()
        self._subscriptions.clear()
