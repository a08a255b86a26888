"""Who may say what over AMQP: users with few rights on a real broker try to speak for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aio_pika
import msgspec
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    encode_announcement,
)
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE
from clarion.contracts.job import JOBS_CONTENT_TYPE, Job, Jobs
from clarion.contracts.revocation import REVOCATION_CONTENT_TYPE, Revocation
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.store.database import Database
from clarion.telemetry.trace import new_traceparent
from clarion.topology import DELIVERIES, EVENTS, LIVE, LIVE_ALL, PARKED, events_queue, shard_key
from services.notifier.settings import NotifierSettings
from testbed.rabbitmq import Broker
from tests.support.bus import opened, ready
from tests.support.gateway import gateway_client
from tests.support.inbox_writer import InboxWriter
from tests.support.notifier import envelope, event, rows, running_notifiers, wait_for_rows
from tests.support.pusher import running_pusher

SHOP = "shop@acme/ü"
MAPPINGS = {
    "mapped": {SHOP: ("shoptenant", "shop")},
    "everybody": {"*": ("anybody", "amqp")},
    "nothing": {},
}
SETTINGS = {name: NotifierSettings(amqp_tenants=each) for name, each in MAPPINGS.items()}

VICTIM = {"id": "victim", "email": "stolen@evil.example"}
ENVELOPE = envelope(
    event(id="forged", to=VICTIM, channels=["inbox", "email"]), tenant="victims"
).body
JOBS = msgspec.json.encode(Jobs(1, [Job(UUID(int=1), new_traceparent())]))
SLICE = msgspec.json.encode(Slice(1, UUID(int=1), "vips", "", new_traceparent()))
CLOUD: dict[str, Any] = {"specversion": "1.0", "source": "shop", "type": "t", "to": "user:7"}
STRUCTURED = "application/cloudevents+json"
DIED = {"x-first-death-reason": "rejected", "x-first-death-queue": events_queue("normal")}
FORGED_DEATH = DIED | {"x-death": [{"queue": events_queue("normal"), "reason": "rejected"}]}

NOT_ALLOWED: dict[str, tuple[str, str, str, bytes, dict[str, Any]]] = {
    "envelope": (EVENTS, "normal", ENVELOPE_CONTENT_TYPE, ENVELOPE, {}),
    "urgent envelope": (EVENTS, "urgent", f" {ENVELOPE_CONTENT_TYPE.upper()} ;a=b", ENVELOPE, {}),
    "slice": (EVENTS, "normal", SLICE_CONTENT_TYPE, SLICE, {}),
    "jobs among events": (EVENTS, "normal", JOBS_CONTENT_TYPE, JOBS, {}),
    "jobs": (DELIVERIES, "email.normal", JOBS_CONTENT_TYPE, JOBS, {}),
    "jobs as json": (DELIVERIES, "sms.urgent", "application/json", JOBS, {}),
    "envelope in deliveries": (DELIVERIES, "email.urgent", ENVELOPE_CONTENT_TYPE, ENVELOPE, DIED),
    "event in deliveries": (DELIVERIES, "sms.normal", "application/json", b"{}", DIED),
    "dead envelope": (PARKED, "", ENVELOPE_CONTENT_TYPE, ENVELOPE, FORGED_DEATH),
    "dead slice": (PARKED, "", SLICE_CONTENT_TYPE, SLICE, DIED),
    "dead jobs": (
        PARKED,
        "",
        JOBS_CONTENT_TYPE,
        JOBS,
        DIED | {"x-first-death-queue": f"{DELIVERIES}.email.normal"},
    ),
    "dead event": (PARKED, "", "application/json", b"{}", {}),
}
"""What nobody but Clarion may publish: exchange, key, content type, body, headers."""

Publish = Callable[..., Any]


@pytest.fixture
def shop_url(rabbitmq_node: Broker, amqp_url: str) -> str:
    """Of a user who may write to everything, and configure and read nothing."""
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    return rabbitmq_node.add_user(vhost, SHOP, write=".*")


@pytest.fixture
async def shop(rabbitmq_bus: Bus, shop_url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    async with await aio_pika.connect(shop_url) as connection:
        yield await connection.channel(publisher_confirms=True)


async def say(
    channel: aio_pika.abc.AbstractChannel,
    exchange: str,
    key: str,
    content_type: str,
    body: bytes,
    headers: dict[str, Any],
    user: str | None,
) -> None:
    target = await channel.get_exchange(exchange, ensure=False)
    message = aio_pika.Message(body, content_type=content_type, headers=headers, user_id=user)
    await target.publish(message, key, mandatory=False)


@pytest.mark.parametrize("mapping", SETTINGS)
@pytest.mark.parametrize("user", [None, SHOP], ids=["nobody", "shop"])
async def test_what_only_clarion_says_is_refused_wherever_a_stranger_says_it(
    rabbitmq_bus: Bus,
    shop: aio_pika.abc.AbstractChannel,
    database: Database,
    mapping: str,
    user: str | None,
) -> None:
    async with (
        running_notifiers(rabbitmq_bus, database, SETTINGS[mapping]),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        for said in NOT_ALLOWED.values():
            await say(shop, *said, user=user)
        parked = await wait_for_rows(database, "SELECT * FROM parked", len(NOT_ALLOWED))
        assert {(one["reason"], one["tenant"]) for one in parked} == {("not_allowed", None)}
        for one in parked:
            answer = await client.post(f"/v1/parked/{one['id']}/redrive")
            assert (answer.status_code, answer.json()["code"]) == (409, "not_allowed")
        # after the refusals: what Clarion says is still worked on
        await rabbitmq_bus.publish(EVENTS, "normal", envelope(event(id="good")))
        (planned,) = await wait_for_rows(database, "SELECT event_id FROM events", 1)
    assert planned == {"event_id": "good"}
    assert len(await rows(database, "SELECT 1 FROM parked")) == len(NOT_ALLOWED)
    assert await rows(database, "SELECT 1 FROM subscribers WHERE tenant = 'victims'") == []


@pytest.mark.parametrize(
    ("mapping", "user", "tenant"),
    [
        ("mapped", SHOP, "shoptenant"),
        ("everybody", SHOP, "anybody"),
        ("nothing", SHOP, "default"),
        ("nothing", None, "default"),
        ("mapped", None, None),
        ("everybody", None, None),
    ],
)
@pytest.mark.parametrize("form", ["structured", "batched", "binary", "plain"])
async def test_an_event_is_of_the_tenant_of_its_user_and_nobodys_without_one(
    rabbitmq_bus: Bus,
    shop: aio_pika.abc.AbstractChannel,
    database: Database,
    mapping: str,
    user: str | None,
    tenant: str | None,
    form: str,
) -> None:
    forms: dict[str, tuple[str, Any, dict[str, Any]]] = {
        "structured": (STRUCTURED, CLOUD | {"id": "c-1"}, {}),
        "batched": ("application/cloudevents-batch+json", [CLOUD | {"id": "c-1"}], {}),
        "binary": (
            "application/json",
            {},
            {f"ce-{k}": v for k, v in (CLOUD | {"id": "c-1"}).items()},
        ),
        "plain": (
            "application/json",
            {"id": "c-1", "source": "shop", "type": "t", "to": "user:7"},
            {},
        ),
    }
    content_type, value, headers = forms[form]
    # to name a tenant does not make it one's own
    headers = headers | {"tenant": "victims", "ce-tenant": "victims"}
    async with (
        running_notifiers(rabbitmq_bus, database, SETTINGS[mapping]),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        body = msgspec.json.encode(value)
        await say(shop, EVENTS, "normal", content_type, body, headers, user)
        if tenant is not None:
            (planned,) = await wait_for_rows(database, "SELECT tenant, source FROM events", 1)
            assert planned == {"tenant": tenant, "source": "shop"}
            return
        (parked,) = await wait_for_rows(database, "SELECT id, tenant, reason FROM parked", 1)
        assert (parked["tenant"], parked["reason"]) == (None, "not_allowed")
        answer = await client.post(f"/v1/parked/{parked['id']}/redrive")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_allowed")
    assert await rows(database, "SELECT 1 FROM events") == []


@pytest.mark.parametrize("user", [None, SHOP], ids=["nobody", "shop"])
async def test_pushers_believe_no_stranger(
    rabbitmq_bus: Bus,
    shop: aio_pika.abc.AbstractChannel,
    database: Database,
    user: str | None,
) -> None:
    body = msgspec.json.encode({"type": "notification", "version": 1, "unread": 99})
    forged = encode_announcement([FeedFrame("default/ada", 1, body)])
    revoked = msgspec.msgpack.encode(Revocation(1, "default", "ada", None, 9e9, 9e9))
    async with running_pusher(rabbitmq_bus, database) as pusher:
        async with pusher.feed("ada") as client:
            for key in (shard_key(0), LIVE_ALL):
                await say(shop, LIVE, key, ANNOUNCEMENT_CONTENT_TYPE, forged, {}, user)
                await say(shop, LIVE, key, REVOCATION_CONTENT_TYPE, revoked, {}, user)
            await InboxWriter(database, rabbitmq_bus).write("ada", "true")
            frame = await client.next()
            assert (frame["type"], frame["item"]["title"]) == ("notification", "true")
        async with pusher.feed("ada"):
            """The token still holds."""


async def test_a_user_cannot_take_the_name_of_another(
    shop: aio_pika.abc.AbstractChannel, rabbitmq_bus: Bus, database: Database
) -> None:
    async with running_notifiers(rabbitmq_bus, database):
        with pytest.raises(Exception, match="user_id property set to 'guest'"):
            await say(shop, EVENTS, "normal", ENVELOPE_CONTENT_TYPE, ENVELOPE, {}, "guest")


async def test_users_that_are_named_as_our_own_are_believed(
    rabbitmq_bus: Bus, shop_url: str, database: Database, rabbitmq_node: Broker, amqp_url: str
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    url = rabbitmq_node.add_user(vhost, "gate way", configure=".*", write=".*", read=".*")
    settings = NotifierSettings.model_validate({"amqp_own_users": "pusher, gate way"})
    async with running_notifiers(rabbitmq_bus, database, settings), opened(url) as other:
        await ready(other)
        await other.publish(EVENTS, "normal", envelope(event(id="good")))
        await wait_for_rows(database, "SELECT 1 FROM events", 1)
    assert await rows(database, "SELECT 1 FROM parked") == []


async def test_a_dead_letter_stays_of_its_sender_and_goes_out_as_theirs(
    rabbitmq_bus: Bus, shop: aio_pika.abc.AbstractChannel, database: Database
) -> None:
    """Whatever the headers of the message claim about its death."""
    claims = {
        "x-first-death-queue": f"{DELIVERIES}.email.normal",
        "x-first-death-reason": "not_allowed",
    }
    body = msgspec.json.encode(CLOUD | {"id": "c-9"})
    await say(shop, EVENTS, "urgent", STRUCTURED, body, claims, SHOP)
    (dead,) = [one async for one in _one_of(rabbitmq_bus, events_queue("urgent"))]
    assert dead == body
    async with (
        running_notifiers(rabbitmq_bus, database, SETTINGS["mapped"]),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        (parked,) = await wait_for_rows(database, "SELECT * FROM parked", 1)
        assert (parked["tenant"], parked["source"]) == ("shoptenant", "shop")
        assert (parked["queue"], parked["reason"]) == (events_queue("urgent"), "rejected")
        async with database.driver() as tx:
            await tx.execute("UPDATE parked SET tenant = 'default'")  # the client's own tenant
        answer = await client.post(f"/v1/parked/{parked['id']}/redrive")
        assert answer.json()["redriven"] is True
        (planned,) = await wait_for_rows(database, "SELECT tenant, event_id FROM events", 1)
    assert planned == {"tenant": "default", "event_id": "c-9"}


async def _one_of(bus: Bus, queue: str) -> AsyncIterator[bytes]:
    """Take one message and have it dead-lettered."""
    subscription = bus.subscribe(queue, prefetch=1)
    (message,) = await subscription.take(1)
    await subscription.park([message])
    yield message.body
    await subscription.close()
