"""Hearing announcements, in memory and on RabbitMQ."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from clarion.bus import SubscriptionClosed
from clarion.topology import LIVE_ALL, shard_key
from testbed.processes import wait_until
from tests.support.bus import (
    Connect,
    announce,
    assert_nothing_arrives,
    bodies_of,
    hearing,
    take,
)


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
    live = await hearing(bus, shard_key(0))
    await announce(bus, shard_key(0), "during")
    assert bodies_of(await take(live, 1)) == ["during"]
    await live.close()
    await announce(bus, shard_key(0), "after")
    with pytest.raises(SubscriptionClosed):
        await live.take(1)


async def test_an_ear_hears_a_key_from_when_it_is_bound_until_it_is_not(connect: Connect) -> None:
    bus = await connect()
    live = await hearing(bus, LIVE_ALL)
    await announce(bus, shard_key(3), "before")
    await live.bind(shard_key(3))
    await live.bind(shard_key(3))
    await announce(bus, shard_key(3), "during")
    assert bodies_of(await take(live, 1)) == ["during"]
    await live.unbind(shard_key(3))
    await announce(bus, shard_key(3), "after")
    await announce(bus, LIVE_ALL, "still")
    assert bodies_of(await take(live, 1)) == ["still"]
    assert live.epoch() == 1
    await live.close()
    await live.bind(shard_key(3))


async def test_slow_ear_loses_the_oldest_and_is_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.live_buffer.MAX_BYTES", 30)
    bus = await connect()
    live = await hearing(bus, shard_key(0))
    before = dropped()
    await announce(bus, shard_key(0), *[f"number {number:03}" for number in range(10)])
    await wait_until(lambda: dropped() == before + 7, 10, "seven dropped")
    assert bodies_of(await take(live, 3)) == ["number 007", "number 008", "number 009"]
    assert live.epoch() == 2


def dropped() -> float:
    return REGISTRY.get_sample_value("clarion_bus_live_dropped_total") or 0.0
