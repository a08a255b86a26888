"""The services and a foreign publisher, each with exactly the rights that the guide gives it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import aiormq
import msgspec
import pytest
import pytest_asyncio

from clarion.topology import DELIVERIES, EVENTS, LIVE, PARKED, QUEUES, events_queue
from testbed.postgres import Databases
from testbed.processes import wait_until
from testbed.rabbitmq import Broker
from testbed.stack import Stack, frame, running_stack
from tests.support.notifier import envelope, event
from tests.support.sources import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE = ROOT / "docs" / "operations" / "rabbitmq.md"
LINE = re.compile(
    r"^rabbitmqctl set_permissions -p / (\S+) +'(\S+)' +'(\S+)' +'(\S+)'$", re.MULTILINE
)
RIGHTS: dict[str, dict[str, str]] = {
    name: {"configure": configure, "write": write, "read": read}
    for name, configure, write, read in LINE.findall(GUIDE.read_text())
}
OWN = [name for name in RIGHTS if name.startswith("clarion-")]
ANYWHERE = (EVENTS, DELIVERIES, LIVE, PARKED, "amq.direct")

MAY_WRITE = {
    "clarion-gateway": {EVENTS, DELIVERIES, LIVE},
    "clarion-pusher": {EVENTS, LIVE},
    "shop": {EVENTS},
}


@pytest.fixture(scope="module")
def urls(rabbitmq_node: Broker) -> Iterator[dict[str, str]]:
    """By the name of the user, each with a prefix of its own: users are the broker's, not the
    virtual host's."""
    vhost = rabbitmq_node.create_vhost()
    yield {
        name: rabbitmq_node.add_user(vhost, f"{vhost}-{name}", **rights)
        for name, rights in RIGHTS.items()
    } | {"": rabbitmq_node.url(vhost)}
    rabbitmq_node.delete_users()
    rabbitmq_node.delete_vhost(vhost)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(urls: dict[str, str], databases: Databases) -> AsyncIterator[Stack]:
    """Gateway and pusher come first: they wait for what they may not declare."""
    async with (
        databases.fresh() as postgres_url,
        running_stack(
            amqp_url="",
            postgres_url=postgres_url,
            amqp_urls={name.removeprefix("clarion-"): urls[name] for name in OWN},
            env={
                "CLARION_AMQP_OWN_USERS": ",".join(user_of(urls[name]) for name in OWN),
                "CLARION_AMQP_TENANTS": f"{user_of(urls['shop'])}=default/shop",
            },
        ) as running,
    ):
        yield running
        assert running.faults() == []


def user_of(url: str) -> str:
    return urlsplit(url).username or ""


async def test_the_guide_names_a_user_for_each_service_and_a_foreign_one() -> None:
    assert set(RIGHTS) == {"clarion-gateway", "clarion-notifier", "clarion-pusher", "shop"}


async def test_every_way_of_an_event_works_with_these_rights(
    stack: Stack, urls: dict[str, str]
) -> None:
    person = {"id": "ada", "email": "ada@shop.example"}
    await stack.post_event(event(id="by-http", to=person, channels=["inbox", "email"]))
    await stack.planned("by-http")
    async with stack.feed("ada", since=0) as feed:
        assert (await frame(feed, "notification"))["item"]["event_id"] == "by-http"
        plain = msgspec.json.encode(event(id="by-amqp", to="user:ada"))
        await publish(urls["shop"], EVENTS, "normal", plain, "application/json")
        assert (await frame(feed, "notification"))["item"]["event_id"] == "by-amqp"
        answer = await stack.http.delete(f"{stack.gateways[0]}/v1/subscribers/ada/sessions")
        assert answer.status_code == 200
        await feed.wait_closed()
        assert feed.close_code == 4401
    await sent(stack, "by-http")


async def test_what_is_parked_is_redriven_with_these_rights(
    stack: Stack, urls: dict[str, str]
) -> None:
    forged = envelope(event(id="forged", to="user:ada"), tenant="victims")
    await publish(urls["shop"], EVENTS, "urgent", forged.body, forged.content_type)
    (parked,) = await parked_once(stack)
    answer = await stack.http.post(f"{stack.gateways[0]}/v1/parked/{parked['id']}/redrive")
    assert (parked["reason"], answer.status_code) == ("not_allowed", 409)


@pytest.mark.parametrize("name", MAY_WRITE)
@pytest.mark.parametrize("exchange", ANYWHERE)
async def test_each_may_write_only_where_it_has_to(
    stack: Stack, urls: dict[str, str], name: str, exchange: str
) -> None:
    async def write() -> None:
        await publish(urls[name], exchange, "nobody-hears-this", b"", "text/plain")

    if exchange in MAY_WRITE[name] and exchange != EVENTS:
        await write()
    elif exchange not in MAY_WRITE[name]:
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await write()


@pytest.mark.parametrize("name", MAY_WRITE)
@pytest.mark.parametrize("queue", [queue.name for queue in QUEUES])
async def test_none_of_them_reads_a_queue(
    stack: Stack, urls: dict[str, str], name: str, queue: str
) -> None:
    async with await aio_pika.connect(urls[name]) as connection:
        channel = await connection.channel()
        found = await channel.get_queue(queue, ensure=False)
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await found.get(fail=False)


@pytest.mark.parametrize("name", MAY_WRITE)
async def test_none_of_them_deletes_a_queue_or_binds_it_elsewhere(
    stack: Stack, urls: dict[str, str], name: str
) -> None:
    async with await aio_pika.connect(urls[name]) as connection:
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await (await connection.channel()).queue_delete(events_queue("normal"))
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await (await connection.channel()).exchange_delete(EVENTS)


async def publish(url: str, exchange: str, key: str, body: bytes, content_type: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        target = await channel.get_exchange(exchange, ensure=False)
        message = aio_pika.Message(body, content_type=content_type, user_id=user_of(url))
        await target.publish(message, key, mandatory=False)


async def sent(stack: Stack, event_id: str) -> None:
    """Return once its mail was sent."""
    states: list[Any] = []

    async def is_sent() -> bool:
        (person,) = (await stack.get(f"/v1/events/{event_id}"))["recipients"]
        states[:] = [one["state"] for one in person["deliveries"]]
        return states == ["sent"]

    await wait_until(is_sent, 20, f"the mail of {event_id}")


async def parked_once(stack: Stack) -> list[Any]:
    """All that is parked, once there is something."""
    items: list[Any] = []

    async def some() -> bool:
        items[:] = (await stack.get("/v1/parked"))["items"]
        return bool(items)

    await wait_until(some, 20, "a parked message")
    return items
