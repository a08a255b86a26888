"""Calls that tests of the bus share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from clarion.bus import Bus, LiveSubscription, Message, Received, Subscription, open_bus
from clarion.topology import EVENTS, LIVE, events_queue
from testbed.processes import wait_until

URGENT = events_queue("urgent")
NORMAL = events_queue("normal")

Connect = Callable[[], Awaitable[Bus]]
"""Opens one more connection to one broker."""


@asynccontextmanager
async def opened(*urls: str, publish_timeout_s: float = 5) -> AsyncIterator[Bus]:
    """A bus that was told to start."""
    bus = open_bus(urls, publish_timeout_s=publish_timeout_s)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


async def ready(bus: Bus) -> None:
    """Return once the bus can publish and consume."""
    await wait_until(
        lambda: bus.status().can_publish and bus.status().can_consume, 30, "a working bus"
    )


async def send(bus: Bus, *bodies: str, lane: str = "normal") -> None:
    """Publish events one after the other."""
    for body in bodies:
        await bus.publish(EVENTS, lane, Message(body.encode(), "text/plain"))


async def take(subscription: Subscription | LiveSubscription, count: int) -> list[Received]:
    """Exactly `count` messages, within 30 s."""
    taken: list[Received] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            taken += await subscription.take(count - len(taken))
    return taken


async def assert_nothing_arrives(subscription: Subscription | LiveSubscription) -> None:
    """A short wait: what would arrive is there within a few milliseconds."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await subscription.take(1)


def bodies_of(messages: list[Received]) -> list[str]:
    return [one.body.decode() for one in messages]


async def hearing(bus: Bus, *keys: str) -> LiveSubscription:
    """A live subscription that is bound."""
    live = bus.listen(keys)
    await wait_until(lambda: live.epoch() == 1, 10, "a bound live queue")
    return live


async def announce(bus: Bus, key: str, *bodies: str) -> None:
    for body in bodies:
        message = Message(body.encode(), "text/plain", persistent=False)
        await bus.publish(LIVE, key, message, mandatory=False)
