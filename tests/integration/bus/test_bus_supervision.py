"""Whatever ends an attempt, a probe or a task, the links to the broker come back, and what the bus
says of itself is true meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiormq
import pytest
import uvloop
from aiormq.channel import Channel
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from clarion.bus import Bus, Message
from clarion.errors import BusUnavailable, PublishUnknown
from clarion.topology import EVENTS, LIVE_ALL
from testbed.processes import wait_until
from testbed.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.bus import NORMAL, opened, ready, take

EVENT = Message(b"event", "text/plain")
ANY_DECLARATION = EVENTS.encode()
"""What an attempt declares, and what a probe asks for."""
QUEUE_DECLARATION = b"x-dead-letter-strategy"
PUBLISHED = b"text/plain"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiormq gives up a silent peer after 2 s, and we wait as much shorter."""
    monkeypatch.setattr(aiormq.connection.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 1)
    monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.FIRST_ATTEMPT_S", 0.2)
    monkeypatch.setattr("clarion.bus.rabbitmq.backoff.CAP_S", 0.2)


@asynccontextmanager
async def through_proxy(amqp_url: str) -> AsyncIterator[tuple[TcpProxy, str]]:
    """A proxy, and the URL of the broker behind it, with heartbeats of a second."""
    parts = urlsplit(amqp_url)
    async with tcp_proxy(parts.port or 5672) as proxy:
        netloc = f"guest:guest@127.0.0.1:{proxy.port}"
        yield proxy, parts._replace(netloc=netloc, query="heartbeat=1").geturl()


async def noticed(bus: Bus) -> None:
    """Return once it says of neither connection that it works."""
    await wait_until(
        lambda: not (bus.status().can_publish or bus.status().can_consume), 30, "it is noticed"
    )


async def assert_works(bus: Bus) -> None:
    """It can do everything again, by itself."""
    await ready(bus)
    subscription = bus.subscribe(NORMAL, prefetch=10)

    async def published() -> bool:
        await bus.publish(EVENTS, "normal", EVENT)
        return True

    await wait_until(published, 30, "a publish")
    await subscription.ack(await take(subscription, 1))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["silence_at", "last_words_at"])
async def test_a_start_into_a_partition_is_tried_again(amqp_url: str, how: str) -> None:
    async with through_proxy(amqp_url) as (proxy, url):
        getattr(proxy, how)(ANY_DECLARATION)
        async with opened(url) as bus:
            await wait_until(lambda: proxy.struck >= 5, 60, "attempts of both links")
            await noticed(bus)
            proxy.mend()
            await assert_works(bus)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["silence_at", "last_words_at"])
async def test_a_reconnect_into_a_partition_is_tried_again(amqp_url: str, how: str) -> None:
    async with through_proxy(amqp_url) as (proxy, url), opened(url) as bus:
        bus.listen([LIVE_ALL])
        await ready(bus)
        getattr(proxy, how)(ANY_DECLARATION)
        proxy.fall_silent()
        await wait_until(lambda: proxy.struck >= 5, 30, "attempts of both links")
        await noticed(bus)
        proxy.mend()
        await assert_works(bus)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["silence_at", "last_words_at"])
async def test_a_freeze_just_after_a_reconnect_leaves_no_dead_publisher(
    amqp_url: str, how: str
) -> None:
    async with through_proxy(amqp_url) as (proxy, url), opened(url) as bus:
        await ready(bus)
        getattr(proxy, how)(QUEUE_DECLARATION)  # which follows when the new connection is up
        proxy.fall_silent()
        await wait_until(lambda: proxy.struck >= 2, 30, "a second attempt")
        proxy.mend()
        await wait_until(lambda: not bus.status().can_publish, 30, "it is noticed")
        await assert_works(bus)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["silence_at", "last_words_at"])
async def test_a_probe_that_ends_the_connection_leads_to_the_next(
    amqp_url: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with through_proxy(amqp_url) as (proxy, url):
        monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.PROBE_INTERVAL_S", 0.2)
        async with opened(url) as bus:
            await ready(bus)
            getattr(proxy, how)(ANY_DECLARATION)
            await wait_until(lambda: proxy.struck >= 4, 30, "attempts of both links")
            proxy.mend()
            await assert_works(bus)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("at", [ANY_DECLARATION, QUEUE_DECLARATION, PUBLISHED])
def test_the_last_data_and_fin_in_one_turn_of_the_loop_of_a_service(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch, at: bytes
) -> None:
    """uvloop reads both at once: aiormq then ends what waits with a bare `Exception`."""
    monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.PROBE_INTERVAL_S", 0.2)

    async def run() -> None:
        async with through_proxy(amqp_url) as (proxy, url), opened(url) as bus:
            await ready(bus)
            proxy.last_words_at(at)
            proxy.fall_silent()

            async def struck() -> bool:
                with suppress(BusUnavailable):
                    await bus.publish(EVENTS, "normal", EVENT)
                return proxy.struck >= 3

            await wait_until(struck, 30, "connections that end so")
            proxy.mend()
            await assert_works(bus)

    uvloop.run(run())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["silence_at", "last_words_at"])
async def test_a_publish_into_the_end_of_a_connection_is_unknown(amqp_url: str, how: str) -> None:
    async with through_proxy(amqp_url) as (proxy, url), opened(url, publish_timeout_s=30) as bus:
        await ready(bus)
        getattr(proxy, how)(PUBLISHED)
        publishes = [bus.publish(EVENTS, "normal", EVENT) for _ in range(5)]
        ended = await asyncio.gather(*publishes, return_exceptions=True)
        assert {type(one) for one in ended} <= {PublishUnknown, BusUnavailable, type(None)}
        assert any(isinstance(one, BusUnavailable) for one in ended)
        proxy.mend()
        await assert_works(bus)


@pytest.mark.parametrize(
    "raised",
    [
        asyncio.CancelledError(),
        Exception(),
        KeyError("tag"),
        StopAsyncIteration(),
        aiormq.exceptions.ChannelInvalidStateError("closed"),
        OSError("reset"),
    ],
    ids=repr,
)
async def test_publish_raises_only_what_it_says(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    async def basic_publish(*_: object, **__: object) -> None:
        raise raised

    async with opened(amqp_url) as bus:
        await ready(bus)
        with monkeypatch.context() as broken:
            broken.setattr(Channel, "basic_publish", basic_publish)
            with pytest.raises(PublishUnknown):
                await bus.publish(EVENTS, "normal", EVENT)
        await assert_works(bus)


async def test_who_cancels_a_publish_gets_their_cancellation(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def basic_publish(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async with opened(amqp_url) as bus:
        await ready(bus)
        monkeypatch.setattr(Channel, "basic_publish", basic_publish)
        publish = asyncio.create_task(bus.publish(EVENTS, "normal", EVENT))
        await asyncio.sleep(0)
        publish.cancel()
        await asyncio.wait([publish])
        assert publish.cancelled()


async def test_a_publisher_that_gets_no_confirm_does_not_say_that_it_can_publish(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its channel answers, it may be dead."""
    answers = asyncio.Event()
    confirm_delivery = Channel.confirm_delivery

    async def basic_publish(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def late(self: Channel) -> object:
        await answers.wait()
        return await confirm_delivery(self)

    async with opened(amqp_url, publish_timeout_s=0.1) as bus:
        await ready(bus)
        monkeypatch.setattr(Channel, "confirm_delivery", late)
        with monkeypatch.context() as deaf:
            deaf.setattr(Channel, "basic_publish", basic_publish)
            with pytest.raises(PublishUnknown):
                await bus.publish(EVENTS, "normal", EVENT)
        assert (bus.status().can_publish, bus.status().detail) == (False, "No confirm in time.")
        answers.set()
        await wait_until(lambda: bus.status().can_publish, 10, "the answer")


async def test_a_broker_that_says_nothing_is_not_ready(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where nothing has ended the connection, nor has a probe been sent."""
    async with through_proxy(amqp_url) as (proxy, url), opened(url) as bus:
        await ready(bus)
        monkeypatch.setattr("clarion.bus.rabbitmq.supervised_connection.SILENT_AFTER_S", 2)
        assert bus.status().can_publish
        proxy.fall_silent()
        await noticed(bus)


def restarts(task: str) -> float:
    return REGISTRY.get_sample_value("clarion_bus_tasks_restarted_total", {"task": task}) or 0


@pytest.mark.parametrize("name", ["bus-publish", "bus-consume", f"bus-consumer-{NORMAL}"])
async def test_a_task_of_the_supervision_that_ends_is_begun_again(amqp_url: str, name: str) -> None:
    async with opened(amqp_url) as bus:
        bus.subscribe(NORMAL, prefetch=1)
        await ready(bus)
        before = restarts(name)
        (task,) = [one for one in asyncio.all_tasks() if one.get_name() == name]
        with capture_logs() as logs:
            task.cancel()
            await wait_until(lambda: restarts(name) == before + 1, 5, "it is counted")
            await wait_until(
                lambda: any(one.get_name() == name for one in asyncio.all_tasks()), 5, "another"
            )
        assert [log["task"] for log in logs if log["event"] == "bus_task_ended"] == [name]
        await ready(bus)
        await bus.publish(EVENTS, "normal", EVENT)
