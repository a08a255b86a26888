"""Deaths that a publisher forges. RabbitMQ 3.10 dead-letters nothing more, for nobody, once it has
to add to an `x-death` that is no list of deaths: what strangers sent must not be left to it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.job import JOBS_CONTENT_TYPE
from clarion.store.database import Database
from clarion.topology import DELIVERIES, deliveries_queue, delivery_key
from tests.support.notifier import rows, running_notifiers, wait_for_rows
from tests.support.rabbitmq import Broker
from tests.support.raw_amqp import header, long, properties, raw_publisher

TEXTS = header(b"x-death", b"A", long(b"S" + long(b"a")))
NO_DEATH = header(b"x-death", b"A", long(b"F" + long(b"")))
NO_COUNT = header(
    b"x-death",
    b"A",
    long(b"F" + long(header(b"queue", b"S", long(b"q")) + header(b"reason", b"V", b""))),
)
TEXT = header(b"x-death", b"S", long(b"a"))


@pytest.mark.parametrize("lane", ["normal", "urgent"])
async def test_what_a_queue_of_deliveries_refuses_is_parked_whatever_death_it_claims(
    rabbitmq_bus: Bus, rabbitmq_node: Broker, amqp_url: str, database: Database, lane: str
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    url = rabbitmq_node.add_user(vhost, "shop", write=r"^clarion\.deliveries$")
    key = delivery_key("email", lane).encode()
    headers = (b"", TEXTS, NO_DEATH, NO_COUNT, TEXT, b"")
    async with running_notifiers(rabbitmq_bus, database):
        async with raw_publisher(url) as shop:
            for number, forged in enumerate(headers):
                said = {"content_type": JOBS_CONTENT_TYPE.encode(), "headers": long(forged)}
                await shop.publish(DELIVERIES, key, properties(said), b"%d" % number)
        # our own, of the wrong kind
        async with raw_publisher(amqp_url) as ours:
            said = {"content_type": b"text/plain", "user_id": b"guest", "headers": long(TEXTS)}
            await ours.publish(DELIVERIES, key, properties(said), b"ours")
        parked = await wait_for_rows(database, "SELECT * FROM parked", len(headers) + 1)
    found = {row["body"]: (row["reason"], row["tenant"]) for row in parked}
    strangers = {b"%d" % number: ("not_allowed", None) for number, _ in enumerate(headers)}
    assert found == strangers | {b"ours": ("rejected", None)}
    assert {row["queue"] for row in parked} == {deliveries_queue("email", lane)}
    assert await rows(database, "SELECT 1 FROM deliveries") == []
