"""Events with a routing key that is no lane are kept, and a broker of 0.1 learns to keep them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import aiormq
import msgspec
import pytest

from clarion.bus import Bus, Message, migrate_bus, open_bus
from clarion.errors import BusUnavailable, ConfigurationError, Unroutable
from clarion.store.database import Database
from clarion.topology import (
    EVENTS,
    EXCHANGES,
    LANE_EVENTS,
    PARKED,
    PASSING,
    QUEUES,
    events_queue,
)
from services.notifier.settings import NotifierSettings
from testbed.processes import start_process, wait_until
from testbed.rabbitmq import Broker
from tests.support.bus import NORMAL, opened, ready, take
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, rows, running_notifiers, wait_for_rows

PLAIN = msgspec.json.encode(event(id="lost"))
KEYS = ("urgnt", "", "clarion.events.normal", "x" * 255)


@asynccontextmanager
async def channel_of(url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def publish(
    url: str, key: str, message: aio_pika.Message, *, mandatory: bool = False
) -> None:
    async with channel_of(url) as channel:
        exchange = await channel.get_exchange(EVENTS, ensure=False)
        await exchange.publish(message, key, mandatory=mandatory)


async def declare_as_0_1(url: str) -> None:
    """The topology of 0.1: the same queues, and exchanges without an alternate one."""
    async with channel_of(url) as channel:
        for exchange in EXCHANGES:
            await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
        for queue in QUEUES:
            arguments: Any = queue.arguments
            made = await channel.declare_queue(queue.name, durable=True, arguments=arguments)
            await made.bind(queue.exchange, queue.key)


async def test_what_has_no_lane_is_parked_and_goes_to_the_normal_one_after_a_redrive(
    rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    for key in KEYS:
        await publish(amqp_url, key, aio_pika.Message(PLAIN, content_type="application/json"))
    async with (
        running_notifiers(rabbitmq_bus, database),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        found = await wait_for_rows(database, "SELECT * FROM parked", len(KEYS))
        assert {(one["reason"], one["tenant"], one["queue"]) for one in found} == {
            ("unroutable", "default", PARKED)
        }
        assert "must be one of: urgent, normal" in found[0]["detail"]
        answer = await client.post(f"/v1/parked/{found[0]['id']}/redrive")
        assert answer.json()["redriven"] is True
        (planned,) = await wait_for_rows(database, "SELECT event_id, lane FROM events", 1)
    assert planned == {"event_id": "lost", "lane": "normal"}


def expiring() -> aio_pika.Message:
    return aio_pika.Message(PLAIN, content_type="application/json", expiration=0.001)


async def expired(url: str) -> None:
    """Return once all that was kept is where nothing expires."""
    async with channel_of(url) as channel:

        async def moved() -> bool:
            alive = await channel.declare_queue(PASSING, passive=True)
            dead = await channel.declare_queue(PARKED, passive=True)
            counts = [one.declaration_result.message_count for one in (alive, dead)]
            return counts == [0, len(KEYS)]

        await wait_until(moved, 30, f"{len(KEYS)} messages in {PARKED}")


async def test_what_has_no_lane_outlives_its_expiration_while_notifiers_are_away(
    rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    for key in KEYS:
        await publish(amqp_url, key, expiring(), mandatory=True)
    await expired(amqp_url)
    async with (
        running_notifiers(rabbitmq_bus, database),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        found = await wait_for_rows(database, "SELECT * FROM parked", len(KEYS))
        assert {(one["reason"], one["tenant"], one["queue"]) for one in found} == {
            ("unroutable", "default", PARKED)
        }
        answer = await client.post(f"/v1/parked/{found[0]['id']}/redrive")
        assert answer.json()["redriven"] is True
        (planned,) = await wait_for_rows(database, "SELECT event_id, lane FROM events", 1)
    assert planned == {"event_id": "lost", "lane": "normal"}


async def test_a_stranger_is_no_more_allowed_for_the_lack_of_a_lane(
    rabbitmq_bus: Bus, amqp_url: str, database: Database, rabbitmq_node: Broker
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    shop = rabbitmq_node.add_user(vhost, f"{vhost}-shop", write=r"^clarion\.events$")
    user = urlsplit(shop).username or ""
    settings = NotifierSettings(amqp_tenants={user: ("acme", "web")})
    forged = envelope(event(id="forged"), tenant="victims")
    death: dict[str, Any] = {
        "x-first-death-queue": events_queue("urgent"),
        "x-death": [{"queue": NORMAL}],
    }
    messages = (
        aio_pika.Message(PLAIN, content_type="application/json", user_id=user, headers=death),
        aio_pika.Message(PLAIN, content_type="application/json", headers=death),
        aio_pika.Message(forged.body, content_type=forged.content_type, headers=death),
        aio_pika.Message(forged.body, content_type=forged.content_type, user_id=user),
    )
    async with running_notifiers(rabbitmq_bus, database, settings):
        for message in messages:
            await publish(shop, "nowhere", message)
        found = await wait_for_rows(database, "SELECT * FROM parked ORDER BY tenant", 4)
    assert [(one["reason"], one["tenant"], one["queue"]) for one in found] == [
        ("unroutable", "acme", PARKED),
        *[("not_allowed", None, PARKED)] * 3,
    ]


@pytest.mark.parametrize("lost", ["queue", "binding"])
async def test_a_lane_without_its_queue_is_told_and_nothing_of_it_is_parked(
    rabbitmq_bus: Bus, amqp_url: str, no_database: Database, lost: str
) -> None:
    """By the gateway as 503, and to every publisher that asks (`mandatory`)."""
    message = aio_pika.Message(PLAIN, content_type="application/json")
    async with channel_of(amqp_url) as channel, gateway_client(rabbitmq_bus, no_database) as client:
        if lost == "queue":
            await channel.queue_delete(NORMAL)
        else:
            queue = await channel.get_queue(NORMAL, ensure=False)
            await queue.unbind(LANE_EVENTS, "normal")
        answer = await client.post("/v1/events", json=event())
        assert (answer.status_code, answer.json()["code"]) == (503, "unroutable")
        with pytest.raises(Unroutable):
            await rabbitmq_bus.publish(EVENTS, "normal", envelope(event()))
        with pytest.raises(aiormq.exceptions.PublishError):
            await publish(amqp_url, "normal", message, mandatory=True)
        parked = await channel.declare_queue(PARKED, passive=True)
        assert parked.declaration_result.message_count == 0


async def test_what_nobody_asks_about_is_parked_by_every_answer(bus: Bus) -> None:
    await bus.publish(EVENTS, "nowhere", Message(b"kept", "text/plain"), mandatory=False)
    (kept,) = await take(bus.subscribe(PARKED, prefetch=1), 1)
    assert kept.body == b"kept"
    assert kept.user_id in bus.users


async def test_migrate_replaces_the_exchange_of_0_1_and_keeps_what_is_queued(
    amqp_url: str, postgres_url: str, database: Database
) -> None:
    await declare_as_0_1(amqp_url)
    queued = aio_pika.Message(
        msgspec.json.encode(event(id="queued")),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await publish(amqp_url, "normal", queued, mandatory=True)
    with pytest.raises(ConfigurationError, match=r"clarion\.events exists .* Run: clarion migrate"):
        await open_bus([amqp_url], publish_timeout_s=5).start()
    settings = {"CLARION_AMQP_URL": amqp_url, "CLARION_DATABASE_URL": postgres_url}
    for _ in range(2):
        command = [sys.executable, "-m", "services.cli", "migrate"]
        async with await start_process(command, env=settings) as process:
            assert await process.wait(60) == 0, process.output()
        assert "The broker has the newest exchanges and queues." in process.output()
    for key in KEYS:
        await publish(amqp_url, key, expiring(), mandatory=True)
    await expired(amqp_url)
    async with opened(amqp_url) as bus, running_notifiers(bus, database):
        await ready(bus)
        await bus.publish(EVENTS, "urgent", envelope(event(id="new")))
        found = await wait_for_rows(database, "SELECT event_id FROM events ORDER BY 1", 2)
        parked = await wait_for_rows(database, "SELECT reason FROM parked", len(KEYS))
    assert [one["event_id"] for one in found] == ["new", "queued"]
    assert {one["reason"] for one in parked} == {"unroutable"}


async def test_publishers_are_refused_while_it_is_replaced_and_lose_nothing(
    amqp_url: str, database: Database
) -> None:
    """All that was confirmed is planned, whatever was refused in between."""
    confirmed: set[str] = set()
    refused = 0
    replaced = asyncio.Event()
    async with opened(amqp_url) as bus:
        await ready(bus)
        # as an earlier version had it, under a publisher that is connected already
        async with channel_of(amqp_url) as channel:
            await channel.exchange_delete(EVENTS)
        await declare_as_0_1(amqp_url)

        async def publish_on() -> None:
            nonlocal refused
            number = after = 0
            while after < 20:
                number += 1
                name = f"e-{number}"
                try:
                    await bus.publish(EVENTS, "normal", envelope(event(id=name)))
                except BusUnavailable:
                    refused += 1
                    await asyncio.sleep(0.01)
                else:
                    confirmed.add(name)
                    after += replaced.is_set()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(publish_on())
            await wait_until(lambda: len(confirmed) > 20, 20, "events before")
            assert await migrate_bus([amqp_url]) is True
            replaced.set()
        async with running_notifiers(bus, database):

            async def all_planned() -> bool:
                found = await rows(database, "SELECT event_id FROM events")
                return confirmed <= {one["event_id"] for one in found}

            await wait_until(all_planned, 30, f"{len(confirmed)} events, {refused} were refused")
    assert await rows(database, "SELECT 1 FROM parked") == []


async def test_an_exchange_that_no_version_declared_is_not_deleted(amqp_url: str) -> None:
    async with channel_of(amqp_url) as channel:
        await channel.declare_exchange(EVENTS, "fanout", durable=True)
        with pytest.raises(ConfigurationError, match=f"exchange {EVENTS} exists"):
            await migrate_bus([amqp_url])
        await channel.declare_exchange(EVENTS, "fanout", durable=True)
    with pytest.raises(BusUnavailable):
        await migrate_bus(["amqp://127.0.0.1:1/"])
    assert await migrate_bus(["memory://"]) is False
