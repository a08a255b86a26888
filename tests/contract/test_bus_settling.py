"""What becomes of a message that was taken, in memory and on RabbitMQ."""

from __future__ import annotations

import asyncio

import pytest

from clarion.bus import Message, SubscriptionClosed
from clarion.topology import DELIVERIES, LIVE_ALL, PARKED
from tests.support.bus import (
    NORMAL,
    Connect,
    assert_nothing_arrives,
    bodies_of,
    send,
    take,
)


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
    live = bus.listen([LIVE_ALL])
    waiting = [asyncio.create_task(one.take(1)) for one in (subscription, live)]
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
