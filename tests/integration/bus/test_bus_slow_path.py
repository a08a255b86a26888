"""What is not taken out of the stream before aiormq arrives all the same, through it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from clarion.bus import Bus, open_bus
from clarion.bus.rabbitmq import aiormq_internals
from clarion.bus.rabbitmq.connection import BrokerConnection, connect
from clarion.errors import ConfigurationError
from clarion.settings import SharedSettings
from clarion.topology import EVENTS
from testbed.processes import wait_until
from tests.support.bus import NORMAL, ready, send, take
from tests.support.raw_amqp import header, long, properties, raw_publisher

NO_TEXT = b"\xff\xfe"
FINE = properties(
    {
        "content_type": b"application/cloudevents+json",
        "headers": long(
            header(b"a", b"S", long("\N{SNOWMAN}".encode())) + header(b"n", b"I", b"\0\0\1\0")
        ),
        "message_id": b"m-1",
        "timestamp": int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()).to_bytes(8),
        "user_id": b"guest",
    }
)
NO_PROPERTIES = properties({})
BROKEN = properties({"content_type": b"text/plain", "message_id": NO_TEXT, "user_id": b"guest"})
BROKEN_HEADERS = properties({"headers": long(header(b"x", b"S", long(NO_TEXT)))})


@pytest.mark.parametrize(
    "listed",
    [FINE, NO_PROPERTIES, BROKEN, BROKEN_HEADERS],
    ids=["fine", "none", "broken", "broken headers"],
)
@pytest.mark.parametrize("body", [b"", b"x", b"a" * 200_000], ids=len)
async def test_both_ways_tell_the_same_of_a_message(
    amqp_url: str, listed: bytes, body: bytes
) -> None:
    told: list[object] = []
    for tap in (True, False):
        bus = open_bus([amqp_url], publish_timeout_s=5, frame_tap=tap)
        await bus.start()
        try:
            subscription = bus.subscribe(NORMAL, prefetch=10)
            await ready(bus)
            async with raw_publisher(amqp_url) as publisher:
                await publisher.publish(EVENTS, b"normal", listed, body)
            (message,) = await take(subscription, 1)
            await subscription.ack([message])
            told.append(
                [getattr(message, one) for one in message.__slots__ if one != "channel_generation"]
            )
            await the_connection_goes_on(bus)
        finally:
            await bus.close()
    assert told[0] == told[1]


async def the_connection_goes_on(bus: Bus) -> None:
    status = bus.status()
    assert (status.can_publish, status.can_consume, status.detail) == (True, True, "")


async def test_a_consumer_that_is_not_ours_gets_its_messages_on_our_connection(
    amqp_url: str, rabbitmq_bus: Bus
) -> None:
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    connection = await connect(amqp_url, "test", 5)
    try:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.consume(arrived.put)
        message = aio_pika.Message(b"for somebody else", headers={"a": "b"})
        await channel.default_exchange.publish(message, queue.name)
        async with asyncio.timeout(10):
            found = await arrived.get()
        assert (found.body, found.headers) == (b"for somebody else", {"a": "b"})
    finally:
        await connection.end()


async def test_what_follows_a_frame_of_an_unknown_kind_still_arrives(amqp_url: str) -> None:
    bus = open_bus([amqp_url], publish_timeout_s=5)
    await bus.start()
    try:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        await ready(bus)
        give_up_reading(bus)
        await send(bus, "after", "and again")
        messages = await take(subscription, 2)
        assert [one.body for one in messages] == [b"after", b"and again"]
        await subscription.ack(messages)
        await wait_until(lambda: bus.status().can_consume, 10, "a consumer that is known")
    finally:
        await bus.close()


def give_up_reading(bus: Bus) -> None:
    """As a frame does that is of no kind we know, without one: aiormq would end the connection."""
    supervised = vars(bus)["_consuming"]
    connection = cast(BrokerConnection, vars(supervised)["_connection"])
    vars(connection.parser)["_is_amqp"] = False


def test_the_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SharedSettings.read(frozenset({"CLARION_AMQP_FRAME_TAP"})).amqp_frame_tap
    monkeypatch.setenv("CLARION_AMQP_FRAME_TAP", "false")
    assert not SharedSettings.read(frozenset({"CLARION_AMQP_FRAME_TAP"})).amqp_frame_tap


def test_another_aiormq_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed:
        def __init__(self) -> None:
            self.unblocked = asyncio.Event()

    other = ((Renamed, frozenset({"unblocked", "blocked_event"})),)
    monkeypatch.setattr(aiormq_internals, "NEEDED", other)
    with pytest.raises(ConfigurationError, match=r"aiormq [0-9.]+ has no .*Renamed.blocked_event"):
        open_bus(["amqp://guest:guest@127.0.0.1/"], publish_timeout_s=5)
