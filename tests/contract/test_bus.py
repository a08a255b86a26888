"""Publishing, taking and the state of the bus, in memory and on RabbitMQ."""

from __future__ import annotations

import asyncio

import pytest

from clarion.bus import Message, open_bus
from clarion.errors import BusUnavailable, ConfigurationError, Unroutable
from clarion.topology import EVENTS, LIVE, LIVE_ALL, PARKED, shard_key
from testbed.processes import wait_until
from tests.support.bus import (
    NORMAL,
    URGENT,
    Connect,
    bodies_of,
    send,
    take,
)


async def test_message_arrives_as_it_was_published(connect: Connect) -> None:
    bus = await connect()
    message = Message(b"\x00body\xff", "application/x-thing", {"traceparent": "00-a-b-01"})
    await bus.publish(EVENTS, "urgent", message)
    (got,) = await take(bus.subscribe(URGENT, prefetch=1), 1)
    assert (got.body, got.content_type, dict(got.headers)) == (
        b"\x00body\xff",
        "application/x-thing",
        {"traceparent": "00-a-b-01"},
    )
    assert (got.exchange, got.routing_key, got.redelivered) == (EVENTS, "urgent", False)
    assert got.user_id in bus.users


async def test_a_dead_letter_bears_its_publisher_still(connect: Connect) -> None:
    bus = await connect()
    await send(bus, "dead")
    subscription = bus.subscribe(NORMAL, prefetch=1)
    await subscription.park(await take(subscription, 1))
    (got,) = await take(bus.subscribe(PARKED, prefetch=1), 1)
    assert (got.exchange, got.headers["x-first-death-queue"]) == (PARKED, NORMAL)
    assert got.user_id in bus.users


async def test_queue_keeps_order(connect: Connect) -> None:
    bus = await connect()
    sent = [str(number) for number in range(50)]
    await send(bus, *sent)
    assert bodies_of(await take(bus.subscribe(NORMAL, prefetch=10), 10)) == sent[:10]


async def test_publishes_in_flight_together_are_all_confirmed(connect: Connect) -> None:
    bus = await connect()
    sent = [str(number) for number in range(200)]
    async with asyncio.TaskGroup() as group:
        for body in sent:
            group.create_task(send(bus, body))
    got = await take(bus.subscribe(NORMAL, prefetch=200), 200)
    assert sorted(bodies_of(got), key=int) == sent


async def test_unroutable_raises_and_its_neighbours_are_confirmed(connect: Connect) -> None:
    bus = await connect()
    message = Message(b"lost", "text/plain")

    async def publish(key: str) -> str:
        try:
            await bus.publish(EVENTS, key, message)
        except Unroutable:
            return "unroutable"
        return "confirmed"

    keys = ["nowhere", "normal", "nowhere", "normal"]
    outcomes = await asyncio.gather(*map(publish, keys))
    assert outcomes == ["unroutable", "confirmed", "unroutable", "confirmed"]


async def test_not_mandatory_is_dropped_where_nobody_listens(connect: Connect) -> None:
    bus = await connect()
    message = Message(b"frame", "text/plain", persistent=False)
    await bus.publish(LIVE, shard_key(0), message, mandatory=False)


async def test_exchange_that_is_not_ours_is_refused_before_the_broker(connect: Connect) -> None:
    bus = await connect()
    with pytest.raises(ValueError, match="not an exchange"):
        await bus.publish("amq.direct", "x", Message(b"", "text/plain"))
    with pytest.raises(ValueError, match="not a queue"):
        bus.subscribe("clarion.elsewhere", prefetch=1)
    await send(bus, "the channel lives")


async def test_take_returns_what_is_there_up_to_the_limit(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=10)
    await send(bus, "1", "2", "3")
    assert bodies_of(await take(subscription, 2)) == ["1", "2"]
    assert bodies_of(await subscription.take(10)) == ["3"]


async def test_take_waits_for_the_first_message(connect: Connect) -> None:
    bus = await connect()
    waiting = asyncio.create_task(take(bus.subscribe(NORMAL, prefetch=1), 1))
    await asyncio.sleep(0)
    await send(bus, "late")
    assert bodies_of(await waiting) == ["late"]


async def test_cancelled_take_loses_nothing(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=100)
    sent = [str(number) for number in range(100)]
    sending = asyncio.create_task(send(bus, *sent))
    got: list[str] = []
    async with asyncio.timeout(15):
        while len(got) < 100:
            taking = asyncio.create_task(subscription.take(3))
            await asyncio.sleep(0)
            taking.cancel()
            try:
                got += bodies_of(await taking)
            except asyncio.CancelledError:
                await asyncio.sleep(0.001)
    await sending
    assert got == sent


async def test_closed_bus_refuses_at_once(connect: Connect) -> None:
    bus = await connect()
    await bus.close()
    with pytest.raises(BusUnavailable):
        await send(bus, "too late")
    assert bus.status().can_publish is False
    await bus.close()


async def test_status_says_when_all_works(connect: Connect) -> None:
    bus = await connect()
    bus.subscribe(NORMAL, prefetch=1)
    bus.listen([LIVE_ALL])
    await wait_until(lambda: bus.status().can_consume, 10, "consumers")
    assert (bus.status().can_publish, bus.status().detail) == (True, "")


@pytest.mark.parametrize(
    "urls", [[], ["http://x"], ["memory://", "amqp://x"], ["amqp://"], ["amqp://x:y/"]]
)
def test_url_that_names_no_bus_is_a_configuration_error(urls: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="CLARION_AMQP_URL"):
        open_bus(urls, publish_timeout_s=5)
