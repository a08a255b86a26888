"""One event, all the way, over RabbitMQ and three separate processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aio_pika
import pytest
import pytest_asyncio
from cloudevents.core.bindings import http as ce_http
from cloudevents.core.bindings import rabbitmq as ce_rabbitmq
from cloudevents.core.v1.event import CloudEvent

from clarion.tokens.subscriber import mint_token
from testbed.postgres import Databases
from testbed.processes import wait_until
from testbed.rabbitmq import Broker
from testbed.stack import TOKEN_SECRET, Stack, frame, running_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def broker_url(rabbitmq_node: Broker) -> Iterator[str]:
    vhost = rabbitmq_node.create_vhost()
    yield rabbitmq_node.url(vhost)
    rabbitmq_node.delete_vhost(vhost)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(broker_url: str, databases: Databases) -> AsyncIterator[Stack]:
    async with (
        databases.fresh() as postgres_url,
        running_stack(amqp_url=broker_url, postgres_url=postgres_url, notifiers=2) as running,
    ):
        yield running
        assert running.faults() == []


def shipped(**more: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "order.shipped",
        "source": "shop",
        "content": {"title": "Your order is on its way", "url": "/orders/1"},
        "data": {"number": 1},
    }
    return event | more


def shop_attributes(event_id: str, to: str) -> dict[str, Any]:
    return {
        "type": "order.shipped",
        "source": "/shop",
        "id": event_id,
        "to": to,
        "title": "Hello",
    }


async def test_event_accepted_by_http_arrives_live_with_its_email_and_sms(stack: Stack) -> None:
    person = {"id": "live", "email": "ada@shop.example", "phone": "+14155550142"}
    async with stack.feed("live") as feed:
        caught_up = await frame(feed, "caught_up")
        accepted = await stack.post_event(
            shipped(id="e-1", to=person, channels=["inbox", "email", "sms"])
        )
        live = await frame(feed, "notification")
    assert accepted == {"accepted": 1, "ids": ["e-1"]}
    assert (caught_up["version"], live["version"], live["unread"]) == (0, 1, 1)
    item = live["item"]
    assert item | {"id": "", "created_at": ""} == {
        "id": "",
        "created_at": "",
        "event_id": "e-1",
        "type": "order.shipped",
        "category": None,
        "title": "Your order is on its way",
        "body": None,
        "url": "/orders/1",
        "data": {"number": 1},
        "lane": "normal",
        "version": 1,
        "entered": 1,
        "seen_at": None,
        "read_at": None,
        "archived_at": None,
        "snoozed_until": None,
        "image": None,
        "actor": None,
    }

    path = f"/v1/notifications/{item['id']}"

    async def both_sent() -> bool:
        record = await stack.get(path)
        return [one["state"] for one in record["deliveries"]] == ["sent", "sent"]

    await wait_until(both_sent, 20, "email and sms sent")
    captures = (await stack.get("/v1/captures?limit=500"))["items"]
    deliveries = [one["id"] for one in (await stack.get(path))["deliveries"]]
    ours = [one for one in captures if one["delivery"] in deliveries]
    assert sorted((one["channel"], one["recipient"]) for one in ours) == [
        ("email", "ada@shop.example"),
        ("sms", "+14155550142"),
    ]


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_cloudevent_of_the_official_sdk_over_http_becomes_a_notification(
    stack: Stack, mode: str
) -> None:
    event = CloudEvent(shop_attributes(mode, f"user:http-{mode}"), {"number": 7})
    write = {"structured": ce_http.to_structured_event, "binary": ce_http.to_binary_event}[mode]
    message = write(event)
    answer = await stack.http.post(
        f"{stack.gateways[0]}/v1/events", headers=dict(message.headers), content=message.body
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": [mode]})
    async with stack.feed(f"http-{mode}") as feed:
        item = (await frame(feed, "notification"))["item"]
    assert (item["event_id"], item["title"], item["data"]) == (mode, "Hello", {"number": 7})


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_cloudevent_published_straight_over_amqp_becomes_a_notification(
    stack: Stack, broker_url: str, mode: str
) -> None:
    name = f"amqp-{mode}"
    event = CloudEvent(shop_attributes(name, f"user:{name}"), {"number": 7})
    await publish_cloudevent(broker_url, event, mode)
    async with stack.feed(name) as feed:
        item = (await frame(feed, "notification"))["item"]
    assert (item["event_id"], item["title"], item["data"]) == (name, "Hello", {"number": 7})


async def publish_cloudevent(broker_url: str, event: CloudEvent, mode: str = "binary") -> None:
    """By the SDK's RabbitMQ binding."""
    written = {"structured": ce_rabbitmq.to_structured_event, "binary": ce_rabbitmq.to_binary_event}
    one = written[mode](event)
    headers: dict[str, Any] = dict(one.headers)
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("clarion.events", ensure=False)
        message = aio_pika.Message(one.body, headers=headers, content_type=one.content_type)
        await exchange.publish(message, routing_key="normal")


async def test_one_id_five_times_by_http_and_once_by_amqp_makes_one_notification_and_one_email(
    stack: Stack, broker_url: str
) -> None:
    event = shipped(
        id="again", to={"id": "again", "email": "again@shop.example"}, channels=["inbox", "email"]
    )
    twin = CloudEvent(
        {
            "type": "order.shipped",
            "source": "shop",
            "id": "again",
            "to": "user:again",
            "channels": "inbox,email",
            "title": "Your order is on its way",
            "url": "/orders/1",
        },
        {"number": 1},
    )
    await stack.http.put(
        f"{stack.gateways[0]}/v1/subscribers/again", json={"email": "again@shop.example"}
    )
    sends = [stack.post_event(event) for _ in range(5)] + [publish_cloudevent(broker_url, twin)]
    random.shuffle(sends)
    await asyncio.gather(*sends)
    # the last of a queue is planned after all before it
    await stack.post_event(shipped(id="last", to="user:other"))
    await stack.planned("last")

    async def emails() -> list[Any]:
        captured = (await stack.get("/v1/captures?limit=500"))["items"]
        return [one for one in captured if one["recipient"] == "again@shop.example"]

    await wait_until(emails, 20, "the email")
    listed = (await stack.get("/v1/notifications?subscriber=again"))["items"]
    assert ([one["event_id"] for one in listed], len(await emails())) == (["again"], 1)


async def test_fifty_callers_at_once_with_one_id_make_one_notification_and_tell_of_other_bodies(
    stack: Stack,
) -> None:
    def said(number: int) -> dict[str, Any]:
        return shipped(id="crowd", to="user:crowd", data={"said": number % 3})

    answers = await asyncio.gather(*(stack.post_event(said(n)) for n in range(50)))
    await stack.post_event(shipped(id="after", to="user:other"))
    await stack.planned("after")
    record = await stack.planned("crowd")

    async def told() -> list[int]:
        event = await stack.get("/v1/events/crowd")
        return [event["data"]["said"], *(one["body"]["data"]["said"] for one in event["conflicts"])]

    async def all_told() -> bool:
        return len(await told()) == 3

    await wait_until(all_told, 20, "both other bodies")
    listed = (await stack.get("/v1/notifications?subscriber=crowd"))["items"]
    assert answers == [{"accepted": 1, "ids": ["crowd"]}] * 50
    assert sorted(await told()) == [0, 1, 2]
    assert [one["subscriber"] for one in record["recipients"]] == ["crowd"]
    assert [one["version"] for one in listed] == [1]


async def test_client_killed_200_times_while_2000_events_arrive_has_each_once_and_in_order(
    stack: Stack,
) -> None:
    total, kills = 2_000, 200
    received: list[str] = []
    versions: list[int] = []
    version = 0

    async def send_all() -> None:
        for start in range(0, total, 10):
            batch = [
                shipped(id=f"n-{number}", to="user:killed") for number in range(start, start + 10)
            ]
            await stack.post_event(batch)

    sending = asyncio.create_task(send_all())
    dice = random.Random(7)
    lives, unread = 0, -1
    while len(received) < total or lives <= kills:
        lives += 1
        async with stack.feed("killed", since=version) as feed:
            for _ in range(min(dice.randint(1, 2 * total // kills), total - len(received))):
                got = await frame(feed, "notification")
                received.append(got["item"]["event_id"])
                versions.append(got["item"]["version"])
                version, unread = got["version"], got["unread"]
            feed.transport.abort()
    await sending
    server = (
        await stack.http.get(
            f"{stack.pushers[0]}/v1/inbox?limit=1", headers={"Authorization": f"Bearer {token()}"}
        )
    ).json()
    assert sorted(received) == sorted(f"n-{number}" for number in range(total))
    assert versions == list(range(1, total + 1))
    assert (version, unread) == (server["version"], server["unread"]) == (total, total)


def token() -> str:
    return mint_token(TOKEN_SECRET, tenant="default", subscriber="killed", ttl_s=600)[0]
