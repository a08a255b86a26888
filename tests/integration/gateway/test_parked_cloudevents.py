"""What others publish to RabbitMQ and nobody can work on: kept whole, redriven after the mend."""

from __future__ import annotations

from typing import Any

import aio_pika
import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.parking import CUT
from clarion.store.database import Database
from clarion.topology import EVENTS, events_queue
from services.notifier.parking import parked_headers
from services.notifier.parking.parked_headers import MAX_ATTRIBUTES, kept_headers
from tests.support.gateway import gateway_client
from tests.support.notifier import rows, running_notifiers, wait_for_rows

BINARY: dict[str, Any] = {
    "ce-specversion": "1.0",
    "ce-id": "c-7",
    "ce-source": "crm",
    "ce-type": "deal.won",
    "ce-to": "user:42",
    "ce-title": "Größe",
    "ce-body": "ä" * 3_000,
}


async def publish(amqp_url: str, body: bytes, content_type: str, headers: dict[str, Any]) -> None:
    """As another program would."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(EVENTS, ensure=False)
        message = aio_pika.Message(
            body, content_type=content_type, headers=headers, user_id="guest"
        )
        await exchange.publish(message, routing_key="normal")


async def refuse(amqp_url: str) -> None:
    """Take one event and refuse it, as a broker does that has given it out too often."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(events_queue("normal"), ensure=False)
        async with queue.iterator() as messages:
            async for message in messages:
                await message.reject(requeue=False)
                return


async def redrive(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Redrive all that is parked, twice; the first answers."""
    items = (await client.get("/v1/parked")).json()["items"]
    answers = [(await client.post(f"/v1/parked/{one['id']}/redrive")).json() for one in items]
    again = [(await client.post(f"/v1/parked/{one['id']}/redrive")).json() for one in items]
    assert [one.get("redriven") for one in again] == [False] * len(items)
    return answers


async def test_a_binary_cloudevent_that_was_dead_lettered_is_planned_after_a_redrive(
    rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    await publish(amqp_url, b'{"n": 7}', "application/json", BINARY)
    await refuse(amqp_url)
    async with (
        running_notifiers(rabbitmq_bus, database),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        (parked,) = await wait_for_rows(database, "SELECT * FROM parked", 1)
        assert (parked["tenant"], parked["reason"]) == ("default", "rejected")
        assert {name: parked["headers"][name] for name in BINARY} == BINARY
        assert [one["redriven"] for one in await redrive(client)] == [True]
        (planned,) = await wait_for_rows(
            database, "SELECT source, event_id, body FROM events WHERE state = 'planned'", 1
        )
    assert (planned["source"], planned["event_id"]) == ("crm", "c-7")
    assert planned["body"]["data"] == {"n": 7}
    content = planned["body"]["content"]
    assert (content["title"], content["body"]) == (BINARY["ce-title"], BINARY["ce-body"])
    assert len(await rows(database, "SELECT 1 FROM notifications")) == 1


async def test_a_plain_event_keeps_the_source_of_its_amqp_user(
    rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    await publish(amqp_url, b'{"id": "p-1", "type": "t", "to": "user:1"}', "application/json", {})
    await refuse(amqp_url)
    async with (
        running_notifiers(rabbitmq_bus, database),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        await wait_for_rows(database, "SELECT * FROM parked", 1)
        assert [one["redriven"] for one in await redrive(client)] == [True]
        (planned,) = await wait_for_rows(database, "SELECT source FROM events", 1)
    assert planned == {"source": "guest"}


async def test_two_malformed_messages_that_differ_in_their_headers_are_both_kept(
    rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    async with running_notifiers(rabbitmq_bus, database):
        for identifier in ("a", "b"):
            headers = {**BINARY, "ce-id": identifier, "ce-lane": "nowhere"}
            await publish(amqp_url, b"", "application/json", headers)
        found = await wait_for_rows(database, "SELECT * FROM parked ORDER BY id", 2)
    assert [one["headers"]["ce-id"] for one in found] == ["a", "b"]
    assert {one["detail"] for one in found} == {"lane must be one of urgent, normal"}


@pytest.mark.parametrize("extra", [0, 1])
async def test_attributes_are_kept_whole_or_not_at_all(extra: int) -> None:
    room = MAX_ATTRIBUTES - len("ce-title") - len("cloudEvents:id") - 1
    headers = {"ce-title": "x" * (room + extra), "cloudEvents:id": b"1", "x": "y" * 2_000}
    kept = kept_headers(headers)
    assert kept["x"] == "y" * parked_headers.MAX_SHOWN
    assert ("ce-title" in kept, CUT in kept) == (not extra, bool(extra))
    assert kept.get("cloudEvents:id") == (None if extra else "1")
