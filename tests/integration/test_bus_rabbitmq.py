"""What only a real broker can do to the bus: end, block, refuse, forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import aio_pika
import pytest
from aiormq.channel import Channel
from structlog.testing import capture_logs

from clarion.bus import Bus, Message, Received, Subscription, open_bus
from clarion.errors import BusUnavailable, ConfigurationError, PublishRefused, PublishUnknown
from clarion.topology import EVENTS, LIVE, LIVE_ALL, PARKED, events_queue
from tests.integration.tcp_proxy import tcp_proxy
from tests.support.processes import free_port, wait_until
from tests.support.rabbitmq import Broker, BrokerNode

NORMAL = events_queue("normal")
EVENT = Message(b"event", "text/plain")


@asynccontextmanager
async def opened(*urls: str, publish_timeout_s: float = 5) -> AsyncIterator[Bus]:
    """A bus that was told to start."""
    bus = open_bus(urls, publish_timeout_s=publish_timeout_s)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


async def ready(bus: Bus) -> None:
    """Return once the bus can publish and consume."""
    await wait_until(
        lambda: bus.status().can_publish and bus.status().can_consume, 30, f"{bus.status()}"
    )


async def take(subscription: Subscription, count: int) -> list[Received]:
    taken: list[Received] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            taken += await subscription.take(count - len(taken))
    return taken


async def test_killed_broker_fails_publishers_at_once_and_all_recovers_alone(
    private_rabbitmq: BrokerNode,
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        ear = bus.listen([LIVE_ALL])
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
        assert ear.epoch() == 2


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

        await private_rabbitmq.unblock()
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
        assert len(await take(subscription, 1)) == 1


async def test_dead_host_is_passed_over(amqp_url: str) -> None:
    dead = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    async with opened(dead, amqp_url) as bus:
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)


async def test_half_open_connection_is_found(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.rabbitmq.link.PROBE_INTERVAL_S", 0.2)
    monkeypatch.setattr("clarion.bus.rabbitmq.link.PROBE_TIMEOUT_S", 0.5)
    parts = urlsplit(amqp_url)
    async with tcp_proxy(parts.port or 5672) as proxy:
        through = parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
        async with opened(through, publish_timeout_s=30) as bus:
            subscription = bus.subscribe(NORMAL, prefetch=10)
            ear = bus.listen([LIVE_ALL])
            await ready(bus)
            proxy.fall_silent()
            with pytest.raises(PublishUnknown):
                async with asyncio.timeout(5):
                    await bus.publish(EVENTS, "normal", EVENT)
            await wait_until(lambda: ear.epoch() == 2, 10, "a new link")
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


async def test_silently_cancelled_consumer_is_found(
    rabbitmq_node: Broker, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def miss(_channel: Channel, _frame: object) -> None:
        """What a client does that does not hear basic.cancel."""

    monkeypatch.setattr(Channel, "_on_cancel_frame", miss)
    monkeypatch.setattr("clarion.bus.rabbitmq.consumer.PROBE_INTERVAL_S", 0.5)
    async with opened(amqp_url) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        await ready(bus)
        vhost = urlsplit(amqp_url).path.removeprefix("/")
        rabbitmq_node.management.delete(f"/queues/{vhost}/{NORMAL}").raise_for_status()
        async with opened(amqp_url) as another:  # declares the queue again
            await ready(another)
            await another.publish(EVENTS, "normal", EVENT)
        assert len(await take(subscription, 1)) == 1


async def test_consumer_of_a_deleted_queue_comes_back(rabbitmq_node: Broker, amqp_url: str) -> None:
    async with opened(amqp_url) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        await ready(bus)
        vhost = urlsplit(amqp_url).path.removeprefix("/")
        rabbitmq_node.management.delete(f"/queues/{vhost}/{NORMAL}").raise_for_status()

        async def published() -> bool:
            await bus.publish(EVENTS, "normal", EVENT)
            return True

        await wait_until(published, 15, "the queue is there again")
        assert len(await take(subscription, 1)) == 1


async def test_connection_closed_by_an_operator_shows_in_the_epoch(
    rabbitmq_node: Broker, amqp_url: str
) -> None:
    async with opened(amqp_url) as bus:
        ear = bus.listen([LIVE_ALL])
        await ready(bus)
        vhost = urlsplit(amqp_url).path.removeprefix("/")

        async def closed() -> bool:
            found = rabbitmq_node.management.get(f"/vhosts/{vhost}/connections").json()
            for connection in found:
                name = quote(connection["name"])
                rabbitmq_node.management.delete(f"/connections/{name}").raise_for_status()
            return bool(found)

        await wait_until(closed, 20, "the management API shows the connections")
        await wait_until(lambda: ear.epoch() == 2, 10, "a new link")
        await ready(bus)
        await bus.publish(LIVE, LIVE_ALL, Message(b"heard", "", persistent=False))
        async with asyncio.timeout(5):
            (heard,) = await ear.take(1)
        assert heard.body == b"heard"


async def test_full_queue_refuses_and_loses_nothing(rabbitmq_node: Broker, amqp_url: str) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    policy = {"pattern": NORMAL, "definition": {"max-length": 3}, "apply-to": "queues"}
    async with opened(amqp_url) as bus:
        rabbitmq_node.management.put(f"/policies/{vhost}/full", json=policy).raise_for_status()
        confirmed = 0

        async def refused() -> bool:
            nonlocal confirmed
            try:
                await bus.publish(EVENTS, "normal", EVENT)
            except PublishRefused:
                return True
            confirmed += 1
            return False

        await wait_until(refused, 15, "a full queue")
        assert len(await take(bus.subscribe(NORMAL, prefetch=1000), confirmed)) == confirmed


async def test_queue_with_other_arguments_stops_the_start_by_name(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        await (await connection.channel()).declare_queue(NORMAL, durable=True)
    with pytest.raises(ConfigurationError, match=rf"The queue {NORMAL} exists .* delete it"):
        await open_bus([amqp_url], publish_timeout_s=5).start()


async def test_refused_login_and_unknown_vhost_stop_the_start(amqp_url: str) -> None:
    parts = urlsplit(amqp_url)
    wrong = parts._replace(netloc=f"guest:wrong-s3cret@{parts.hostname}:{parts.port}").geturl()
    with capture_logs() as logs, pytest.raises(ConfigurationError) as refused:
        await open_bus([wrong], publish_timeout_s=5).start()
    assert "check user and password" in str(refused.value)
    assert "s3cret" not in f"{refused.value} {logs}"
    missing = parts._replace(path=f"/{quote('not there')}").geturl()
    with pytest.raises(ConfigurationError, match="virtual host 'not there'"):
        await open_bus([missing], publish_timeout_s=5).start()


async def test_foreign_message_passes_as_given(amqp_url: str) -> None:
    async with opened(amqp_url) as bus:
        async with await aio_pika.connect(amqp_url) as connection:
            exchange = await (await connection.channel()).get_exchange(EVENTS)
            headers: aio_pika.abc.HeadersType = {
                "ce-id": "1",
                "cloudEvents:type": bytearray(b"t"),
                "n": 5,
            }
            bare = aio_pika.Message(b"{}", headers=headers, user_id="guest")
            await exchange.publish(bare, "normal")
        (got,) = await take(bus.subscribe(NORMAL, prefetch=1), 1)
    assert (got.user_id, got.content_type) == ("guest", "")
    assert dict(got.headers) == {"ce-id": "1", "cloudEvents:type": b"t", "n": 5}


async def test_stopped_bus_leaves_no_task_and_no_connection(
    rabbitmq_node: Broker, amqp_url: str
) -> None:
    before = asyncio.all_tasks()
    async with opened(amqp_url) as bus:
        bus.subscribe(PARKED, prefetch=1)
        bus.listen([LIVE_ALL])
        await ready(bus)
        await bus.publish(LIVE, LIVE_ALL, Message(b"", "", persistent=False), mandatory=False)
    assert asyncio.all_tasks() == before
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    await wait_until(
        lambda: rabbitmq_node.management.get(f"/vhosts/{vhost}/connections").json() == [], 15
    )


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
