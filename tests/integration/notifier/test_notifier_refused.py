"""A queue of deliveries that takes nothing holds up no event; what it refused goes out later."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from chaos.broker_causes import cause
from clarion.bus import open_bus
from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Message
from clarion.errors import BusUnavailable, PublishRefused, PublishUnknown, Unroutable
from clarion.store.database import Database
from clarion.topology import DELIVERIES, deliveries_queue
from testbed.processes import wait_until
from testbed.rabbitmq import Broker, BrokerNode
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

EVENTS = 30
BOTH = [
    {"to": {"id": "ann", "email": "ann@example.org"}, "channels": ["email"]},
    {"to": {"id": "bob", "phone": "+4915123456789"}, "channels": ["sms"]},
]
PLANNED = "SELECT 1 FROM events WHERE state = 'planned'"
SENT = "SELECT 1 FROM deliveries WHERE state = 'sent' AND channel = $1"
DUE_NOW = """
UPDATE deliveries SET due_at = now() WHERE state = 'queued' AND due_at > now() + interval '1 second'
"""


def skipped() -> float:
    found = REGISTRY.get_sample_value("clarion_publish_skipped_total", {"exchange": DELIVERIES})
    return found or 0.0


class RefusingBus(MemoryBus):
    """One queue of deliveries answers with `error` while there is one."""

    error: type[BusUnavailable] | None = None

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if self.error is not None and (exchange, key) == (DELIVERIES, "email.normal"):
            raise self.error("Not now.")
        await super().publish(exchange, key, message, mandatory=mandatory)


@pytest.mark.parametrize("error", [PublishRefused, PublishUnknown, Unroutable])
async def test_planning_goes_on_while_a_queue_of_deliveries_takes_nothing(
    error: type[BusUnavailable], database: Database
) -> None:
    bus = RefusingBus()
    await bus.start()
    bus.error = error
    before = skipped()
    async with running_notifiers(bus, database):
        for n in range(EVENTS):
            await publish(bus, envelope(event(id=f"e{n}", **BOTH[n % 2])))
        await wait_for_rows(database, PLANNED, EVENTS)
        await wait_for_rows(database, SENT, EVENTS // 2, "sms")
        assert await rows(database, SENT, "email") == []
        assert skipped() > before
    bus.error = None
    async with database.driver() as tx:
        await tx.execute(DUE_NOW)
    async with running_notifiers(bus, database):
        await wait_for_rows(database, SENT, EVENTS // 2, "email")
    await bus.close()


async def test_a_full_queue_of_deliveries_at_a_real_broker(
    rabbitmq_node: Broker, rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    definition = {"max-length": 1, "overflow": "reject-publish"}
    name = deliveries_queue("email", "normal").replace(".", "[.]")
    policy = {"pattern": f"^{name}$", "definition": definition, "apply-to": "queues"}
    path = f"/policies/{vhost}/full"
    rabbitmq_node.management.put(path, json=policy).raise_for_status()
    before, sent = skipped(), 0
    async with running_notifiers(rabbitmq_bus, database):
        async with database.driver() as tx:
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await tx.execute("LOCK TABLE captures")  # no sender gets on: the queue fills
            while skipped() == before:
                sent += 1
                await publish(rabbitmq_bus, envelope(event(**BOTH[0])))
                await wait_for_rows(database, PLANNED, sent)
        rabbitmq_node.management.delete(path).raise_for_status()

        async def all_sent() -> bool:
            """Dispatch publishes them again each minute: that is now."""
            async with database.driver() as tx:
                await tx.execute(DUE_NOW)
            return len(await rows(database, SENT, "email")) == sent

        await wait_until(all_sent, 60, "what was refused is sent")


async def test_the_attack_makes_a_queue_refuse_and_takes_it_back(
    private_rabbitmq: BrokerNode, database: Database
) -> None:
    """The fault `broker-refuse` of `make chaos`."""
    before = skipped()
    bus = open_bus([private_rabbitmq.url("/")], publish_timeout_s=5)
    await bus.start()
    async with running_notifiers(bus, database):
        await wait_until(lambda: bus.status().can_publish, 30, "a broker")
        await publish(bus, envelope(event(**BOTH[0]), event(**BOTH[1])))
        for channel in ("email", "sms"):  # who declares a queue binds it, too
            await wait_for_rows(database, SENT, 1, channel)
        async with cause([private_rabbitmq], 0, "refuse"):
            await publish(bus, envelope(event(**BOTH[0]), event(**BOTH[1])))
            await wait_for_rows(database, SENT, 2, "sms")
            await wait_until(lambda: skipped() > before, 20, "a refusal")
            assert len(await rows(database, SENT, "email")) == 1
        async with database.driver() as tx:
            await tx.execute(DUE_NOW)
        await wait_for_rows(database, SENT, 2, "email")
    await bus.close()
