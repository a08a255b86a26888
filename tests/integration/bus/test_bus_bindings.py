"""What a live subscription hears although the broker ends or falls silent while its keys change."""

from __future__ import annotations

import pytest

from clarion.errors import BusUnavailable
from clarion.topology import LIVE_ALL
from testbed.processes import wait_until
from testbed.rabbitmq import BrokerNode
from tests.support.bus import announce, bodies_of, hearing, opened, ready, take


async def test_after_an_outage_the_keys_are_those_wanted_now(private_rabbitmq: BrokerNode) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        live = await hearing(bus, LIVE_ALL)
        await live.bind("1")
        await live.bind("2")
        await live.unbind("2")
        await private_rabbitmq.kill()
        await wait_until(lambda: not bus.status().can_consume, 5, "notices")
        await live.bind("3")  # at once, for the next connection brings it
        assert live.epoch() == 1
        await private_rabbitmq.start()
        await ready(bus)
        for key in ("3", "2", "1"):
            await announce(bus, key, f"to {key}")
        assert bodies_of(await take(live, 2)) == ["to 3", "to 1"]
        assert live.epoch() == 2


async def test_a_binding_that_is_not_confirmed_is_refused_and_made_later(
    private_rabbitmq: BrokerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.rabbitmq.live.BIND_S", 0.2)
    async with opened(private_rabbitmq.url("/")) as bus:
        live = await hearing(bus, LIVE_ALL)
        private_rabbitmq.node.pause()
        try:
            with pytest.raises(BusUnavailable, match="does not confirm"):
                await live.bind("1")
        finally:
            private_rabbitmq.node.resume()
        await wait_until(lambda: live.epoch() == 2, 30, "a new queue")
        await announce(bus, "1", "heard")
        assert bodies_of(await take(live, 1)) == ["heard"]
