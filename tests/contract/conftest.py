"""The bus in both its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from clarion.bus import Bus, open_bus
from clarion.bus.memory import MemoryBroker, MemoryBus
from testbed.processes import wait_until
from testbed.rabbitmq import Broker
from tests.support.bus import Connect


@pytest.fixture(params=["memory", "rabbitmq", "rabbitmq without tap"])
async def connect(request: pytest.FixtureRequest, rabbitmq_node: Broker) -> AsyncIterator[Connect]:
    """Opens one more connection to one broker."""
    opened: list[Bus] = []
    broker = MemoryBroker()
    kind = request.param
    url = "" if kind == "memory" else request.getfixturevalue("amqp_url")
    tap = kind == "rabbitmq"

    async def one_more() -> Bus:
        bus = open_bus([url], publish_timeout_s=5, frame_tap=tap) if url else MemoryBus(broker)
        opened.append(bus)
        await bus.start()
        await wait_until(lambda: bus.status().can_publish, 15, "a connected bus")
        return bus

    yield one_more
    for bus in opened:
        await bus.close()
