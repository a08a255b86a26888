"""What every answer to `clarion.bus.protocol` must do, in memory and on RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from prometheus_client import REGISTRY

from clarion.bus import (
    Bus,
    LiveSubscription,
    Message,
    Received,
    Subscription,
    SubscriptionClosed,
    open_bus,
)
from clarion.bus.memory import MemoryBroker, MemoryBus
from clarion.errors import BusUnavailable, ConfigurationError, Unroutable
from clarion.topology import DELIVERIES, EVENTS, LIVE, LIVE_ALL, PARKED, events_queue, shard_key
from tests.support.processes import wait_until
from tests.support.rabbitmq import Broker

URGENT = events_queue("urgent")
NORMAL = events_queue("normal")

Connect = Callable[[], Awaitable[Bus]]


@pytest.fixture(params=["memory", "rabbitmq"])
async def connect(request: pytest.FixtureRequest, rabbitmq_node: Broker) -> AsyncIterator[Connect]:
    """Opens one more connection to one broker."""
    opened: list[Bus] = []
    broker = MemoryBroker()
    url = "" if request.param == "memory" else request.getfixturevalue("amqp_url")

    async def one_more() -> Bus:
        bus = open_bus([url], publish_timeout_s=5) if url else MemoryBus(broker)
        opened.append(bus)
        await bus.start()
        await wait_until(lambda: bus.status().can_publish, 15, "a connected bus")
        return bus

    yield one_more
    for bus in opened:
        await bus.close()


async def send(bus: Bus, *bodies: str, lane: str = "normal") -> None:
    """Publish events one after the other."""
    for body in bodies:
        await bus.publish(EVENTS, lane, Message(body.encode(), "text/plain"))


async def take(subscription: Subscription | LiveSubscription, count: int) -> list[Received]:
    """Exactly `count` messages, within 10 s."""
    taken: list[Received] = []
    async with asyncio.timeout(10):
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
    assert (got.routing_key, got.redelivered, got.user_id) == ("urgent", False, None)


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


async def test_prefetch_bounds_what_is_unsettled(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=2)
    await send(bus, "1", "2", "3", "4")
    first = await take(subscription, 2)
    await assert_nothing_arrives(subscription)
    await subscription.ack(first[:1])
    assert bodies_of(await take(subscription, 1)) == ["3"]
    await assert_nothing_arrives(subscription)


async def test_unsettled_messages_come_back_when_the_connection_closes(connect: Connect) -> None:
    bus, other = await connect(), await connect()
    await send(bus, "taken", "acknowledged", "waiting")
    subscription = bus.subscribe(NORMAL, prefetch=2)
    first, second = await take(subscription, 2)
    await subscription.ack([second])
    await bus.close()
    got = await take(other.subscribe(NORMAL, prefetch=10), 2)
    assert {one.body for one in got} == {b"taken", b"waiting"}
    assert [one.redelivered for one in got if one.body == first.body] == [True]


async def test_closed_subscription_hands_back_and_still_settles(connect: Connect) -> None:
    bus, other = await connect(), await connect()
    await send(bus, "mine", "untaken")
    subscription = bus.subscribe(NORMAL, prefetch=10)
    mine = await take(subscription, 1)
    await subscription.close()
    with pytest.raises(SubscriptionClosed):
        await subscription.take(1)
    elsewhere = other.subscribe(NORMAL, prefetch=10)
    assert bodies_of(await take(elsewhere, 1)) == ["untaken"]
    await subscription.ack(mine)
    await bus.close()
    await assert_nothing_arrives(elsewhere)


async def test_close_ends_a_waiting_take(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=1)
    ear = bus.listen([LIVE_ALL])
    waiting = [asyncio.create_task(one.take(1)) for one in (subscription, ear)]
    await asyncio.sleep(0)
    await bus.close()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [SubscriptionClosed, SubscriptionClosed]


@pytest.mark.parametrize("settled", [[0, 1, 2, 3, 4], [1, 3], [4, 0], [3, 2, 1, 0], [4]])
async def test_only_what_is_acknowledged_is_gone(connect: Connect, settled: list[int]) -> None:
    bus, other = await connect(), await connect()
    await send(bus, "0", "1", "2", "3", "4")
    subscription = bus.subscribe(NORMAL, prefetch=10)
    got = await take(subscription, 5)
    await subscription.ack([got[index] for index in settled])
    await bus.close()
    left = {str(index) for index in range(5)} - {str(index) for index in settled}
    elsewhere = other.subscribe(NORMAL, prefetch=10)
    assert set(bodies_of(await take(elsewhere, len(left)))) == left
    await assert_nothing_arrives(elsewhere)


async def test_settling_twice_is_harmless(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=10)
    await send(bus, "1")
    got = await take(subscription, 1)
    await subscription.ack(got)
    await subscription.ack(got)
    await subscription.park(got)
    await subscription.release(got)
    await send(bus, "2")
    assert bodies_of(await take(subscription, 1)) == ["2"]
    await assert_nothing_arrives(bus.subscribe(PARKED, prefetch=1))


async def test_parked_message_lies_in_clarion_parked_with_its_reason(connect: Connect) -> None:
    bus = await connect()
    await bus.publish(DELIVERIES, "sms.urgent", Message(b"poison", "a/b", {"ours": "kept"}))
    await send(bus, "fine")
    jobs = bus.subscribe(f"{DELIVERIES}.sms.urgent", prefetch=10)
    await jobs.park(await take(jobs, 1))
    (parked,) = await take(bus.subscribe(PARKED, prefetch=10), 1)
    assert (parked.body, parked.content_type, parked.routing_key, parked.redelivered) == (
        b"poison",
        "a/b",
        "sms.urgent",
        False,
    )
    ours = {name: text for name, text in parked.headers.items() if name != "x-death"}
    assert ours.items() >= {
        ("ours", "kept"),
        ("x-first-death-exchange", DELIVERIES),
        ("x-first-death-queue", f"{DELIVERIES}.sms.urgent"),
        ("x-first-death-reason", "rejected"),
    }


async def test_parking_one_of_a_batch_leaves_the_others(connect: Connect) -> None:
    bus, other = await connect(), await connect()
    await send(bus, "good", "poison", "untouched")
    subscription = bus.subscribe(NORMAL, prefetch=10)
    good, poison, _ = await take(subscription, 3)
    await subscription.park([poison])
    await subscription.ack([good])
    assert bodies_of(await take(other.subscribe(PARKED, prefetch=10), 1)) == ["poison"]
    await bus.close()
    assert bodies_of(await take(other.subscribe(NORMAL, prefetch=10), 1)) == ["untouched"]


async def test_released_message_comes_again_marked(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=10)
    await send(bus, "again")
    got = await take(subscription, 1)
    await subscription.release(got)
    (again,) = await take(subscription, 1)
    assert (again.body, again.redelivered) == (b"again", True)


async def test_message_that_always_comes_back_is_parked_in_the_end(connect: Connect) -> None:
    bus = await connect()
    subscription = bus.subscribe(NORMAL, prefetch=1)
    parked = bus.subscribe(PARKED, prefetch=1)
    await send(bus, "boomerang")

    async def return_for_ever() -> None:
        while True:
            await subscription.release(await subscription.take(1))

    returning = asyncio.create_task(return_for_ever())
    (dead,) = await take(parked, 1)
    returning.cancel()
    assert (dead.body, dead.headers["x-first-death-reason"]) == (b"boomerang", "delivery_limit")


async def test_two_consumers_share_a_queue(connect: Connect) -> None:
    bus, other = await connect(), await connect()
    one, two = bus.subscribe(NORMAL, prefetch=5), other.subscribe(NORMAL, prefetch=5)
    await send(bus, *[str(number) for number in range(10)])
    halves = bodies_of(await take(one, 5)), bodies_of(await take(two, 5))
    assert sorted(halves[0] + halves[1], key=int) == [str(number) for number in range(10)]


async def hearing(bus: Bus, *keys: str) -> LiveSubscription:
    """An ear that is bound."""
    ear = bus.listen(keys)
    await wait_until(lambda: ear.epoch() == 1, 10, "a bound live queue")
    return ear


async def announce(bus: Bus, key: str, *bodies: str) -> None:
    for body in bodies:
        message = Message(body.encode(), "text/plain", persistent=False)
        await bus.publish(LIVE, key, message, mandatory=False)


async def test_every_ear_hears_its_keys_and_no_other(connect: Connect) -> None:
    bus, other = await connect(), await connect()
    first = await hearing(bus, shard_key(0), LIVE_ALL)
    second = await hearing(other, shard_key(1), LIVE_ALL)
    await announce(bus, shard_key(0), "zero")
    await announce(bus, shard_key(1), "one")
    await announce(bus, LIVE_ALL, "drain")
    heard = [(one.routing_key, one.body) for one in await take(first, 2)]
    assert heard == [("0", b"zero"), ("all", b"drain")]
    assert bodies_of(await take(second, 2)) == ["one", "drain"]
    await assert_nothing_arrives(first)


async def test_ear_hears_only_what_is_announced_while_it_listens(connect: Connect) -> None:
    bus = await connect()
    await announce(bus, shard_key(0), "before")
    ear = await hearing(bus, shard_key(0))
    await announce(bus, shard_key(0), "during")
    assert bodies_of(await take(ear, 1)) == ["during"]
    await ear.close()
    await announce(bus, shard_key(0), "after")
    with pytest.raises(SubscriptionClosed):
        await ear.take(1)


async def test_slow_ear_loses_the_oldest_and_is_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.live_buffer.MAX_BYTES", 30)
    bus = await connect()
    ear = await hearing(bus, shard_key(0))
    before = dropped()
    await announce(bus, shard_key(0), *[f"number {number:03}" for number in range(10)])
    await wait_until(lambda: dropped() == before + 7, 10, "seven dropped")
    assert bodies_of(await take(ear, 3)) == ["number 007", "number 008", "number 009"]
    assert ear.epoch() == 2


def dropped() -> float:
    return REGISTRY.get_sample_value("clarion_bus_live_dropped_total") or 0.0


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
