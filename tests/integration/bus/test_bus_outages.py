"""A broker that ends, blocks, or falls silent, and what the bus makes of it."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from clarion.bus import Bus, Message
from clarion.errors import BusUnavailable, PublishUnknown, Unroutable
from clarion.topology import EVENTS, LIVE_ALL
from testbed.processes import free_port, wait_until
from testbed.rabbitmq import BrokerNode
from testbed.tcp_proxy import tcp_proxy
from tests.support.bus import NORMAL, opened, ready, take

EVENT = Message(b"event", "text/plain")


async def test_killed_broker_fails_publishers_at_once_and_all_recovers_alone(
    private_rabbitmq: BrokerNode,
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        live = bus.listen([LIVE_ALL])
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
        (before,) = await take(subscription, 1)

        await private_rabbitmq.kill()
        await wait_until(lambda: not bus.status().can_publish, 5, "notices")
        with pytest.raises(BusUnavailable, match=r"lost|reached"):
            async with asyncio.timeout(0.5):
                await bus.publish(EVENTS, "normal", EVENT)
        assert bus.status().can_consume is False

        await private_rabbitmq.start()
        await ready(bus)
        (again,) = await take(subscription, 1)
        assert (again.body, again.redelivered) == (before.body, True)
        await subscription.ack([before])  # of the connection that is gone: ignored
        await subscription.ack([again])
        await bus.publish(EVENTS, "normal", EVENT)
        assert len(await take(subscription, 1)) == 1
        assert live.epoch() == 2


async def test_a_queue_without_a_leader_does_not_keep_others_from_being_published(
    private_rabbitmq: BrokerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def declare_queue(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()  # the broker answers when there is a leader

    async with opened(private_rabbitmq.url("/")) as bus:
        await ready(bus)
        monkeypatch.setattr("clarion.bus.rabbitmq.declaration.declare_queue", declare_queue)
        await private_rabbitmq.kill()
        await private_rabbitmq.start()
        await wait_until(lambda: bus.status().can_publish, 20, "a new connection")
        await bus.publish(EVENTS, "normal", EVENT)
        await asyncio.wait_for(asked.wait(), 20)


async def test_queues_that_a_broker_has_lost_are_declared_again(
    private_rabbitmq: BrokerNode,
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        await ready(bus)
        await private_rabbitmq.control("delete_queue", NORMAL)
        with pytest.raises(Unroutable):
            await bus.publish(EVENTS, "normal", EVENT)
        await private_rabbitmq.stop()  # killed, it might know again of a queue whose log is gone
        await private_rabbitmq.start()

        async def published() -> bool:
            await bus.publish(EVENTS, "normal", EVENT)
            return True

        await wait_until(published, 60, "a queue for it")


async def test_publish_in_flight_when_the_broker_dies_is_unknown(
    private_rabbitmq: BrokerNode,
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        await ready(bus)

        async def publish_until_it_fails() -> BusUnavailable:
            while True:
                try:
                    await bus.publish(EVENTS, "normal", EVENT)
                except BusUnavailable as error:
                    return error

        publishing = [asyncio.create_task(publish_until_it_fails()) for _ in range(5)]
        await private_rabbitmq.kill()
        async with asyncio.timeout(2):
            errors = await asyncio.gather(*publishing)
        assert PublishUnknown in {type(error) for error in errors}


async def test_what_was_confirmed_survives_a_killed_broker(private_rabbitmq: BrokerNode) -> None:
    confirmed: set[bytes] = set()
    stopping = asyncio.Event()

    async def publish_for_ever(bus: Bus, publisher: int) -> None:
        number = 0
        while not stopping.is_set():
            body = b"%d/%d" % (publisher, number := number + 1)
            try:
                await bus.publish(EVENTS, "normal", Message(body, "text/plain"))
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                confirmed.add(body)

    async with opened(private_rabbitmq.url("/")) as bus, asyncio.TaskGroup() as publishers:
        for number in range(10):
            publishers.create_task(publish_for_ever(bus, number))
        for _ in range(2):
            before = len(confirmed)
            await wait_until(lambda before=before: len(confirmed) > before + 100, 30, "traffic")
            await private_rabbitmq.kill()
            await private_rabbitmq.start()
        before = len(confirmed)
        await wait_until(lambda: len(confirmed) > before + 100, 30, "traffic again")
        stopping.set()
    async with opened(private_rabbitmq.url("/")) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=500)
        missing = set(confirmed)
        async with asyncio.timeout(30):
            while missing:
                messages = await subscription.take(500)
                missing -= {one.body for one in messages}
                await subscription.ack(messages)


async def test_broker_that_is_away_at_the_start_is_awaited(private_rabbitmq: BrokerNode) -> None:
    await private_rabbitmq.stop()
    async with opened(private_rabbitmq.url("/")) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=1)
        assert (bus.status().can_publish, bus.status().can_consume) == (False, False)
        await private_rabbitmq.start()
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
        assert len(await take(subscription, 1)) == 1


async def test_blocked_broker_refuses_publishers_within_a_second_and_consumers_go_on(
    private_rabbitmq: BrokerNode,
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
        await private_rabbitmq.block()
        # the broker tells a connection that it is blocked when it publishes
        with pytest.raises(PublishUnknown, match="blocks"):
            async with asyncio.timeout(1):
                await bus.publish(EVENTS, "normal", EVENT)
        with pytest.raises(BusUnavailable, match="blocks"):
            async with asyncio.timeout(0.1):
                await bus.publish(EVENTS, "normal", EVENT)
        assert bus.status().can_publish is False
        await subscription.ack(await take(subscription, 1))

        async with opened(private_rabbitmq.url("/")) as late:
            await wait_until(lambda: "blocks publishers" in late.status().detail, 15, "the word")
            await private_rabbitmq.unblock()
            await ready(late)
            await late.publish(EVENTS, "normal", EVENT)
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
        assert len(await take(subscription, 2)) == 2


async def test_half_open_connection_is_found(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.PROBE_INTERVAL_S", 0.2)
    monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.PROBE_TIMEOUT_S", 0.5)
    parts = urlsplit(amqp_url)
    async with tcp_proxy(parts.port or 5672) as proxy:
        through = parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
        async with opened(through, publish_timeout_s=30) as bus:
            subscription = bus.subscribe(NORMAL, prefetch=10)
            live = bus.listen([LIVE_ALL])
            await ready(bus)
            proxy.fall_silent()
            with pytest.raises(PublishUnknown):
                async with asyncio.timeout(5):
                    await bus.publish(EVENTS, "normal", EVENT)
            await wait_until(lambda: live.epoch() == 2, 10, "a new connection")
            await ready(bus)
            await bus.publish(EVENTS, "normal", EVENT)
            assert len(await take(subscription, 1)) == 1


async def test_close_of_a_half_open_connection_ends_in_time(amqp_url: str) -> None:
    parts = urlsplit(amqp_url)
    before = asyncio.all_tasks()
    async with tcp_proxy(parts.port or 5672) as proxy:
        through = parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
        async with opened(through) as bus:
            bus.subscribe(NORMAL, prefetch=10)
            bus.listen([LIVE_ALL])
            await ready(bus)
            proxy.fall_silent()
            async with asyncio.timeout(12):
                await bus.close()
    await wait_until(lambda: asyncio.all_tasks() == before, 10, "every task has ended")


async def test_dead_host_is_passed_over(amqp_url: str) -> None:
    dead = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    async with opened(dead, amqp_url) as bus:
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
