"""What a real broker refuses, forgets and adds."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import aio_pika
import aiormq
import psutil
import pytest
from structlog.testing import capture_logs

from clarion.bus import Message, open_bus
from clarion.bus.rabbitmq.declaration import declare_queue
from clarion.errors import ConfigurationError, PublishRefused
from clarion.topology import EVENTS, LIVE, LIVE_ALL, PARKED, QUEUES
from testbed.processes import wait_until
from testbed.rabbitmq import Broker
from tests.support.bus import NORMAL, opened, ready, take

EVENT = Message(b"event", "text/plain")


async def test_consumer_that_died_in_silence_is_made_anew(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.bus.rabbitmq.consumer.PROBE_INTERVAL_S", 0.2)
    (queue,) = [one for one in QUEUES if one.name == NORMAL]
    async with opened(amqp_url) as bus:
        subscription = bus.subscribe(NORMAL, prefetch=10)
        await ready(bus)
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(NORMAL)
            await declare_queue(channel, queue)
        await bus.publish(EVENTS, "normal", EVENT)
        (got,) = await take(subscription, 1)
        await subscription.ack([got])


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


async def test_a_link_that_only_brings_messages_is_not_taken_for_dead(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiormq gives up who is silent, here for 3 s, and is not shown the messages."""
    monkeypatch.setattr(aiormq.connection.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 1)
    for module in ("consumer", "supervised_connection"):
        monkeypatch.setattr(f"clarion.bus.rabbitmq.{module}.PROBE_INTERVAL_S", 60)
    async with opened(amqp_url) as other, opened(f"{amqp_url}?heartbeat=2") as bus:
        live = bus.listen([LIVE_ALL])
        await ready(bus)
        epoch, messages = live.epoch(), 0
        with capture_logs() as logs:
            until = asyncio.get_running_loop().time() + 5
            while asyncio.get_running_loop().time() < until:
                await other.publish(LIVE, LIVE_ALL, EVENT)
                messages += len(await take(live, 1))
        assert messages > 10
        assert (live.epoch(), [log["event"] for log in logs if "link" in log["event"]]) == (
            epoch,
            [],
        )


async def test_connection_closed_by_an_operator_shows_in_the_epoch(
    rabbitmq_node: Broker, amqp_url: str
) -> None:
    async with opened(amqp_url) as bus:
        live = bus.listen([LIVE_ALL])
        await ready(bus)
        vhost = urlsplit(amqp_url).path.removeprefix("/")

        async def closed() -> bool:
            """What the management API lists is late: a connection may be missing, or gone."""
            for connection in rabbitmq_node.management.get(f"/vhosts/{vhost}/connections").json():
                name = quote(connection["name"])
                answer = rabbitmq_node.management.delete(f"/connections/{name}")
                assert answer.status_code in (204, 404)
            return live.epoch() > 1

        await wait_until(closed, 30, "a new connection")
        await ready(bus)
        await bus.publish(LIVE, LIVE_ALL, Message(b"heard", "", persistent=False))
        async with asyncio.timeout(5):
            (heard,) = await live.take(1)
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


async def test_a_broker_that_knows_us_by_another_name_stops_the_start(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that asks a certificate or an identity provider who we are."""

    def somebody(_: str) -> str:
        return "somebody"

    monkeypatch.setattr("clarion.bus.rabbitmq.publisher.user_of", somebody)
    with pytest.raises(ConfigurationError, match="by another user than 'somebody'"):
        await open_bus([amqp_url], publish_timeout_s=5).start()
    with pytest.raises(ConfigurationError, match="write the user that the certificate stands for"):
        open_bus(["amqps://broker/?auth=external"], publish_timeout_s=5)
    named = open_bus(["amqps://sh%40op@broker/?auth=EXTERNAL", "amqp://b/"], publish_timeout_s=5)
    assert named.users == {"sh@op", "guest"}


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


async def test_stopped_bus_leaves_no_task_and_no_connection(amqp_url: str) -> None:
    before = asyncio.all_tasks()
    async with opened(amqp_url) as bus:
        bus.subscribe(PARKED, prefetch=1)
        bus.listen([LIVE_ALL])
        await ready(bus)
        await bus.publish(LIVE, LIVE_ALL, Message(b"", "", persistent=False), mandatory=False)
        assert len(connections_to(amqp_url)) == 2  # one publishes, one consumes
    assert asyncio.all_tasks() == before
    await wait_until(lambda: not connections_to(amqp_url), 15, "closed connections")


def connections_to(url: str) -> list[object]:
    """Those of this process that are open."""
    port = urlsplit(url).port
    found = psutil.Process().net_connections("tcp")
    return [
        one
        for one in found
        if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED
    ]
