"""Deaths that a publisher forges. RabbitMQ before 4.0 dead-letters nothing more, for nobody, once
it has to add to an `x-death` that is no list of deaths: what strangers sent is not left to it."""

from __future__ import annotations

from urllib.parse import urlsplit

import aio_pika
import msgspec
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.event import LANES
from clarion.contracts.job import JOBS_CONTENT_TYPE
from clarion.store.database import Database
from clarion.topology import (
    DECLARED_QUEUES,
    DELIVERIES,
    EVENTS,
    PARKED,
    deliveries_queue,
    delivery_key,
    events_queue,
)
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from testbed.rabbitmq import Broker, BrokerNode
from tests.support.bus import opened, ready
from tests.support.notifier import envelope, event, rows, running_notifiers, wait_for_rows
from tests.support.raw_amqp import header, long, properties, raw_publisher, short

TEXTS = header(b"x-death", b"A", long(b"S" + long(b"a")))
NO_DEATH = header(b"x-death", b"A", long(b"F" + long(b"")))
NO_COUNT = header(
    b"x-death",
    b"A",
    long(b"F" + long(header(b"queue", b"S", long(b"q")) + header(b"reason", b"V", b""))),
)
TEXT = header(b"x-death", b"S", long(b"a"))
NUMBERS = header(b"x-death", b"A", long(b"I" + bytes(4)))
NOTHING = header(b"x-death", b"V", b"")


def death(queue: str, count: bytes = b"l" + bytes(8)) -> bytes:
    """The header with one death, as the broker writes it."""
    fields = header(b"queue", b"S", long(queue.encode())) + header(
        b"reason", b"S", long(b"expired")
    )
    fields += b"" if not count else short(b"count") + count
    return header(b"x-death", b"A", long(b"F" + long(fields)))


FORGED = (
    TEXTS,
    NO_DEATH,
    NO_COUNT,
    TEXT,
    NUMBERS,
    NOTHING,
    header(b"x-death", b"A", long(b"")),
    header(b"x-death", b"F", long(b"")),
    TEXTS + death(PARKED),
    *(death(queue.name) for queue in DECLARED_QUEUES),
    *(death(events_queue(lane), b"S" + long(b"many")) for lane in LANES),
)
EXPIRES = {"content_type": b"application/json", "expiration": b"1"}


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


async def test_what_expires_with_a_forged_death_stops_nobody_elses_dead_letters(
    private_rabbitmq: BrokerNode, database: Database
) -> None:
    """While no notifier is there, by who may only write to `clarion.events`."""
    vhost = private_rabbitmq.create_vhost()
    url = private_rabbitmq.url(vhost)
    shop = private_rabbitmq.add_user(vhost, "shop", write=r"^clarion\.events$")
    keys = (*LANES, "no-lane")
    honest = {key: msgspec.json.encode(event(id=key)) for key in keys}
    async with opened(url) as bus:
        await ready(bus)
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            async with raw_publisher(shop) as publisher:
                for number, forged in enumerate(FORGED):
                    for key in keys:
                        said = EXPIRES | {"headers": long(forged), "user_id": b"shop"}
                        body = msgspec.json.encode(event(id=f"forged-{number}-{key}"))
                        await publisher.publish(EVENTS, key.encode(), properties(said), body)
                for key, body in honest.items():
                    await publisher.publish(EVENTS, key.encode(), properties(EXPIRES), body)

            async def moved() -> bool:
                """All that expires has left where it was."""
                found = {
                    queue.name: await channel.declare_queue(queue.name, passive=True)
                    for queue in DECLARED_QUEUES
                }
                held = {
                    name: one.declaration_result.message_count or 0 for name, one in found.items()
                }
                return held.pop(PARKED) >= len(keys) and not any(held.values())

            await wait_until(moved, 30, "dead letters in clarion.parked")
            await channel.declare_queue(
                "new", durable=True, arguments={"x-queue-type": "quorum"}, timeout=20
            )
        async with running_notifiers(bus, database):

            async def all_parked() -> bool:
                found = await rows(database, "SELECT queue, reason, body FROM parked")
                return {(one["queue"], one["reason"], one["body"]) for one in found} >= {
                    *((events_queue(lane), "expired", honest[lane]) for lane in LANES),
                    (PARKED, "unroutable", honest["no-lane"]),
                }

            await wait_until(all_parked, 30, "the dead letters of others")


async def test_an_event_is_planned_whatever_death_it_claims(
    rabbitmq_bus: Bus, rabbitmq_node: Broker, amqp_url: str, database: Database
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    url = rabbitmq_node.add_user(vhost, "shop", write=r"^clarion\.events$")
    settings = NotifierSettings(amqp_tenants={"shop": ("acme", "web")})
    ours, said = envelope(event(id="victim"), tenant="victims"), {"user_id": b"shop"}
    async with running_notifiers(rabbitmq_bus, database, settings):
        async with raw_publisher(url) as shop:
            for number, forged in enumerate(FORGED):
                for lane in LANES:
                    stated = EXPIRES | said | {"headers": long(forged), "expiration": b"600000"}
                    body = msgspec.json.encode(event(id=f"{number}-{lane}"))
                    await shop.publish(EVENTS, lane.encode(), properties(stated), body)
            bad = said | {"headers": long(TEXTS), "content_type": b"application/json"}
            await shop.publish(EVENTS, b"urgent", properties(bad), b"{")
            bad |= {"content_type": ours.content_type.encode()}
            await shop.publish(EVENTS, b"normal", properties(bad), ours.body)
            bad = {"headers": long(TEXTS), "content_type": b"application/json"}
            await shop.publish(EVENTS, b"normal", properties(bad), b"{}")
        found = await wait_for_rows(database, "SELECT * FROM events", len(FORGED) * len(LANES))
        parked = await wait_for_rows(database, "SELECT * FROM parked", 3)
    assert {(one["tenant"], one["source"]) for one in found} == {("acme", "web")}
    assert {(one["event_id"], one["lane"]) for one in found} == {
        (f"{number}-{lane}", lane) for number, _ in enumerate(FORGED) for lane in LANES
    }
    assert sorted((one["reason"], one["tenant"] or "", one["queue"]) for one in parked) == [
        ("malformed_json", "acme", events_queue("urgent")),
        ("not_allowed", "", events_queue("normal")),
        ("not_allowed", "", events_queue("normal")),
    ]
