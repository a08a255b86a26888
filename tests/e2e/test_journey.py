"""One event, all the way, over RabbitMQ and three separate processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from cloudevents.core.bindings import http as ce_http
from cloudevents.core.bindings import rabbitmq as ce_rabbitmq
from cloudevents.core.v1.event import CloudEvent

from clarion.tokens.subscriber import mint_token
from tests.support.processes import wait_until
from tests.support.stack import TOKEN_SECRET, Stack, frame, running_stack


@pytest.fixture
async def stack(amqp_url: str, postgres_url: str) -> AsyncIterator[Stack]:
    async with running_stack(amqp_url=amqp_url, postgres_url=postgres_url, notifiers=2) as running:
        yield running


def shipped(**more: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "order.shipped",
        "source": "shop",
        "to": "user:42",
        "content": {"title": "Your order is on its way", "url": "/orders/1"},
        "data": {"number": 1},
    }
    return event | more


async def test_event_accepted_by_http_arrives_live_with_its_email_and_sms(stack: Stack) -> None:
    person = {"id": "42", "email": "ada@shop.example", "phone": "+14155550142"}
    async with stack.feed("42") as feed:
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
        "seen_at": None,
        "read_at": None,
        "archived_at": None,
        "snoozed_until": None,
    }

    async def both_sent() -> bool:
        record = await stack.get(f"/v1/notifications/{item['id']}")
        return [one["state"] for one in record["deliveries"]] == ["sent", "sent"]

    await wait_until(both_sent, 20, "email and sms sent")
    captures = (await stack.get("/v1/captures"))["items"]
    assert sorted((one["channel"], one["recipient"]) for one in captures) == [
        ("email", "ada@shop.example"),
        ("sms", "+14155550142"),
    ]


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_cloudevent_of_the_official_sdk_over_http_becomes_a_notification(
    stack: Stack, mode: str
) -> None:
    event = CloudEvent(
        {"type": "order.shipped", "source": "/shop", "id": mode, "to": "user:42", "title": "Hello"},
        {"number": 7},
    )
    write = {"structured": ce_http.to_structured_event, "binary": ce_http.to_binary_event}[mode]
    message = write(event)
    answer = await stack.http.post(
        f"{stack.gateways[0]}/v1/events", headers=dict(message.headers), content=message.body
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": [mode]})
    async with stack.feed("42") as feed:
        item = (await frame(feed, "notification"))["item"]
    assert (item["event_id"], item["title"], item["data"]) == (mode, "Hello", {"number": 7})


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_cloudevent_published_straight_over_amqp_becomes_a_notification(
    stack: Stack, amqp_url: str, mode: str
) -> None:
    event = CloudEvent(
        {"type": "order.shipped", "source": "/shop", "id": mode, "to": "user:42", "title": "Hello"},
        {"number": 7},
    )
    await publish_cloudevent(amqp_url, event, mode)
    async with stack.feed("42") as feed:
        item = (await frame(feed, "notification"))["item"]
    assert (item["event_id"], item["title"], item["data"]) == (mode, "Hello", {"number": 7})


async def publish_cloudevent(amqp_url: str, event: CloudEvent, mode: str = "binary") -> None:
    """By the SDK's RabbitMQ binding."""
    written = {"structured": ce_rabbitmq.to_structured_event, "binary": ce_rabbitmq.to_binary_event}
    one = written[mode](event)
    headers: dict[str, Any] = dict(one.headers)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("clarion.events", ensure=False)
        message = aio_pika.Message(one.body, headers=headers, content_type=one.content_type)
        await exchange.publish(message, routing_key="normal")


async def test_one_id_five_times_by_http_and_once_by_amqp_makes_one_notification_and_one_email(
    stack: Stack, amqp_url: str
) -> None:
    event = shipped(
        id="again", to={"id": "42", "email": "ada@shop.example"}, channels=["inbox", "email"]
    )
    twin = CloudEvent(
        {
            "type": "order.shipped",
            "source": "shop",
            "id": "again",
            "to": "user:42",
            "channels": "inbox,email",
            "title": "Your order is on its way",
            "url": "/orders/1",
        },
        {"number": 1},
    )
    await stack.http.put(
        f"{stack.gateways[0]}/v1/subscribers/42", json={"email": "ada@shop.example"}
    )
    sends = [stack.post_event(event) for _ in range(5)] + [publish_cloudevent(amqp_url, twin)]
    random.shuffle(sends)
    await asyncio.gather(*sends)
    # the last of a queue is planned after all before it
    await stack.post_event(shipped(id="last", to="user:other"))
    await stack.planned("last")
    await wait_until(lambda: has_captures(stack, 1), 20, "the email")
    listed = (await stack.get("/v1/notifications?subscriber=42"))["items"]
    captures = (await stack.get("/v1/captures"))["items"]
    assert ([one["event_id"] for one in listed], len(captures)) == (["again"], 1)


async def has_captures(stack: Stack, count: int) -> bool:
    return len((await stack.get("/v1/captures"))["items"]) >= count


async def test_client_killed_200_times_while_2000_events_arrive_has_each_once_and_in_order(
    stack: Stack,
) -> None:
    total, kills = 2_000, 200
    received: list[str] = []
    version = 0

    async def send_all() -> None:
        for start in range(0, total, 10):
            batch = [shipped(id=f"n-{number}") for number in range(start, start + 10)]
            await stack.post_event(batch)

    sending = asyncio.create_task(send_all())
    dice = random.Random(7)  # noqa: S311 (a repeatable choice, not a secret)
    lives, unread = 0, -1
    while len(received) < total or lives <= kills:
        lives += 1
        async with stack.feed("42", since=version) as feed:
            for _ in range(min(dice.randint(1, 2 * total // kills), total - len(received))):
                got = await frame(feed, "notification")
                received.append(got["item"]["event_id"])
                version, unread = got["version"], got["unread"]
            feed.transport.abort()
    await sending
    server = (
        await stack.http.get(
            f"{stack.pushers[0]}/v1/inbox?limit=1", headers={"Authorization": f"Bearer {token()}"}
        )
    ).json()
    assert received == [f"n-{number}" for number in range(total)]
    assert (version, unread) == (server["version"], server["unread"]) == (total, total)


def token() -> str:
    return mint_token(TOKEN_SECRET, tenant="default", subscriber="42", ttl_s=600)[0]


async def test_sigterm_ends_every_service_with_status_0(stack: Stack) -> None:
    async with stack.feed("42") as feed:
        await frame(feed, "caught_up")
        ends = [await process.stop() for each in stack.processes.values() for process in each]
    assert ends == [0, 0, 0, 0]
