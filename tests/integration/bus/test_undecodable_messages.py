"""A message that cannot be decoded is parked alone, with its octets; nobody else notices."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from clarion.bus.protocol import Bus, Message
from clarion.contracts.parking import RAW_PROPERTIES
from clarion.store.database import Database
from clarion.topology import DELIVERIES, EVENTS, LIVE, LIVE_ALL, deliveries_queue, events_queue
from services.notifier.settings import NotifierSettings
from testbed.rabbitmq import Broker
from tests.support.bus import announce, bodies_of, hearing, take
from tests.support.gateway import gateway_client
from tests.support.notifier import rows, running_notifiers, wait_for_rows
from tests.support.raw_amqp import (
    NAMES,
    SHORT,
    RawPublisher,
    Refused,
    header,
    long,
    properties,
    raw_publisher,
)

USER, PASSWORD = "shop", "a-password-of-the-shop"
STRUCTURED = b"application/cloudevents+json"
UUID = bytes.fromhex("8c79f1bd2c3b4f5e9ad1ff00c0ffee00")
BROKEN = properties({"content_type": STRUCTURED, "message_id": UUID, "user_id": USER.encode()})
BROKEN_BY_GUEST = properties({"content_type": b"text/plain", "message_id": UUID})

NO_TEXT = st.builds(
    bytes.__add__, st.binary(max_size=20), st.sampled_from([b"\xff", b"\x80", b"\xc3(", UUID])
)
NEVER = st.builds(struct.pack, st.just(">Q"), st.integers(1 << 50, (1 << 64) - 1))
FIXED = {"b": 1, "B": 1, "s": 2, "u": 2, "I": 4, "i": 4, "l": 8, "D": 5}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAME = st.text(alphabet="abcdef-", min_size=1, max_size=8).map(str.encode)


def typed(kind: str, size: int) -> st.SearchStrategy[bytes]:
    """An entry of this type, of any octets."""
    value = st.binary(min_size=size, max_size=size)
    return st.builds(header, NAME, st.just(kind.encode()), value)


def within(kind: bytes, entry: bytes) -> bytes:
    """The entry in a table, or its value in an array."""
    value = entry if kind == b"F" else entry[1 + entry[0] :]
    return header(b"inner", kind, long(value))


def name_of(entry: bytes) -> bytes:
    """The name of an entry."""
    return entry[1 : 1 + entry[0]]


def table(entries: list[bytes]) -> bytes:
    """In the order of RabbitMQ 4, which keeps one of a name and refuses numbers that are none."""
    return long(b"".join(sorted({name_of(one): one for one in entries}.values(), key=name_of)))


ANY_ENTRY = st.one_of(
    *(typed(kind, size) for kind, size in FIXED.items()),
    st.builds(header, NAME, st.just(b"t"), st.sampled_from([b"\0", b"\1"])),
    st.builds(header, NAME, st.just(b"V"), st.just(b"")),
    st.builds(header, NAME, st.just(b"d"), FINITE.map(partial(struct.pack, ">d"))),
    *(
        st.builds(header, NAME, st.just(kind), st.binary(max_size=40).map(long))
        for kind in (b"S", b"x")
    ),
)
ENTRIES = st.lists(ANY_ENTRY, max_size=8)
BROKEN_ENTRY = st.one_of(
    st.builds(header, NO_TEXT, st.just(b"V"), st.just(b"")),
    st.builds(header, st.just(b"when"), st.just(b"T"), NEVER),
)
BROKEN_HEADERS = st.tuples(
    ENTRIES,
    st.builds(within, st.just(b"F"), BROKEN_ENTRY)
    | st.builds(within, st.just(b"A"), st.builds(header, NAME, st.just(b"T"), NEVER))
    | BROKEN_ENTRY,
).map(lambda parts: table([*parts[0], parts[1]]))
CHECKED_BY_THE_BROKER = ("user_id", "expiration")

ODD: Mapping[str, st.SearchStrategy[bytes]] = {
    **{name: NO_TEXT for name in SHORT if name not in CHECKED_BY_THE_BROKER},
    "headers": BROKEN_HEADERS,
    "timestamp": NEVER,
}
FINE: Mapping[str, st.SearchStrategy[bytes]] = {
    **{name: st.text(max_size=9).map(str.encode) for name in SHORT - {"content_type"}},
    "content_type": st.just(STRUCTURED),
    "expiration": st.just(b"60000"),
    "user_id": st.just(USER.encode()),
    "headers": ENTRIES.map(table),
    "timestamp": st.integers(0, 1 << 31).map(lambda seconds: struct.pack(">Q", seconds)),
    "delivery_mode": st.sampled_from([b"\1", b"\2"]),
    "priority": st.binary(min_size=1, max_size=1),
}


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Properties of which at least one cannot be decoded; the user is always told."""
    odd = draw(st.sets(st.sampled_from(sorted(ODD)), min_size=1, max_size=3))
    fine = draw(st.sets(st.sampled_from(sorted(set(NAMES) - odd - {"cluster_id"}))))
    chosen = {name: draw(ODD[name]) for name in odd}
    chosen |= {name: draw(FINE[name]) for name in fine | {"user_id"}}
    return properties(chosen)


@pytest.fixture
def limited_url(rabbitmq_node: Broker, amqp_url: str) -> Iterator[str]:
    """As a user who may only write to `clarion.events`."""
    parts = urlsplit(amqp_url)
    vhost = parts.path.removeprefix("/")
    manage = rabbitmq_node.management
    manage.put(f"/users/{USER}", json={"password": PASSWORD, "tags": ""}).raise_for_status()
    rights = {"configure": "", "write": r"^clarion\.events$", "read": ""}
    manage.put(f"/permissions/{quote(vhost, safe='')}/{USER}", json=rights).raise_for_status()
    yield parts._replace(netloc=f"{USER}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()
    manage.delete(f"/users/{USER}").raise_for_status()


class Shop:
    """Publishes events of its own, each with an id that comes once."""

    def __init__(self, publisher: RawPublisher) -> None:
        self._publisher = publisher
        self._ids = count(1)

    async def publish(self, listed: bytes | None = None) -> bytes:
        """One event with these properties, or with good ones; its body."""
        said = {"content_type": STRUCTURED, "user_id": USER.encode()}
        body = msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": f"event-{next(self._ids)}",
                "source": "shop",
                "type": "order.shipped",
                "to": "user:42",
                "title": "Shipped",
            }
        )
        listed = properties(said) if listed is None else listed
        await self._publisher.publish(EVENTS, b"normal", listed, body)
        return body


PLANNED = "SELECT event_id FROM events WHERE state = 'planned' AND source = 'shop'"


def faults(logs: list[Any]) -> list[str]:
    """What the bus noticed of a link or a consumer."""
    return [
        log["event"]
        for log in logs
        if log["event"].startswith("bus_") and log["event"] != "bus_consuming"
    ]


async def test_whatever_its_properties_hold_its_neighbours_are_planned_and_it_is_parked(
    rabbitmq_bus: Bus, limited_url: str, database: Database
) -> None:
    loop = asyncio.get_running_loop()
    mapped = NotifierSettings.model_validate({"amqp_tenants": f"{USER}=default/shop"})
    async with AsyncExitStack() as stack:
        shop = Shop(await stack.enter_async_context(raw_publisher(limited_url)))
        await stack.enter_async_context(running_notifiers(rabbitmq_bus, database, mapped))
        good: set[str] = set()
        bad: dict[bytes, bytes] = {}

        async def check(listed: bytes) -> None:
            for each in (None, listed, None):
                body = await shop.publish(each)
                if each is None:
                    good.add(msgspec.json.decode(body)["id"])
                else:
                    bad[body] = each
            planned = await wait_for_rows(database, PLANNED, len(good))
            assert {row["event_id"] for row in planned} == good
            parked = await wait_for_rows(database, "SELECT * FROM parked", len(bad))
            assert {row["reason"] for row in parked} == {"undecodable"}
            assert {row["queue"] for row in parked} == {events_queue("normal")}
            raw = {row["body"]: b64decode(row["headers"][RAW_PROPERTIES]) for row in parked}
            assert raw.keys() == bad.keys()
            assert [(raw[one], bad[one]) for one in bad if raw[one] != bad[one]] == []
            assert {row["tenant"] for row in parked} == {"default"}

        @settings(
            max_examples=60,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(broken())
        def run(listed: bytes) -> None:
            asyncio.run_coroutine_threadsafe(check(listed), loop).result(60)

        with capture_logs() as logs:
            await asyncio.to_thread(run)
        assert faults(logs) == []


async def test_what_the_broker_refuses_to_pass_on_is_the_publishers_fault(
    rabbitmq_bus: Bus, limited_url: str, database: Database
) -> None:
    async with running_notifiers(rabbitmq_bus, database):
        async with raw_publisher(limited_url) as publisher:
            with pytest.raises(Refused):
                await Shop(publisher).publish(properties({"user_id": b"guest"}))
        async with raw_publisher(limited_url) as publisher:
            await Shop(publisher).publish()
            await wait_for_rows(database, PLANNED, 1)
        assert await rows(database, "SELECT * FROM parked") == []


async def test_a_dead_letter_that_cannot_be_decoded_is_stored_and_flaps_nothing(
    rabbitmq_bus: Bus, amqp_url: str, limited_url: str, database: Database
) -> None:
    async with raw_publisher(limited_url) as publisher:
        shop = Shop(publisher)
        bodies = [await shop.publish(listed) for listed in (None, BROKEN)]
        await shop.publish()
        jobs = deliveries_queue("email", "normal")
        async with raw_publisher(amqp_url) as ours:
            await ours.publish(DELIVERIES, b"email.normal", properties({"type": UUID}), b"{}")
        subscription = rabbitmq_bus.subscribe(events_queue("normal"), prefetch=2)
        with capture_logs() as logs:
            await subscription.park(await take(subscription, 2))
            await subscription.close()
            async with running_notifiers(rabbitmq_bus, database):
                parked = await wait_for_rows(database, "SELECT * FROM parked ORDER BY reason", 3)
                await wait_for_rows(database, PLANNED, 1)
        assert faults(logs) == []
    queues = {row["body"]: (row["reason"], row["queue"]) for row in parked}
    assert queues == {
        bodies[0]: ("rejected", events_queue("normal")),
        bodies[1]: ("undecodable", events_queue("normal")),
        b"{}": ("undecodable", jobs),
    }
    for row in parked:
        if row["reason"] == "undecodable":
            assert UUID in b64decode(row["headers"][RAW_PROPERTIES])
            assert "cannot be decoded" in row["detail"]


async def test_it_is_never_redriven_as_if_clarion_had_sent_it(
    rabbitmq_bus: Bus, limited_url: str, database: Database
) -> None:
    ours = b"application/vnd.clarion.envelope+json"
    async with raw_publisher(limited_url) as publisher:
        await Shop(publisher).publish(properties({"content_type": ours, "message_id": UUID}))
    async with (
        running_notifiers(rabbitmq_bus, database),
        gateway_client(rabbitmq_bus, database) as client,
    ):
        await wait_for_rows(database, "SELECT * FROM parked", 1)
        (item,) = (await client.get("/v1/parked")).json()["items"]
        answer = await client.post(f"/v1/parked/{item['id']}/redrive")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_malformed")


async def test_an_announcement_that_cannot_be_decoded_leaves_the_others_to_be_heard(
    rabbitmq_bus: Bus, amqp_url: str
) -> None:
    live = await hearing(rabbitmq_bus, LIVE_ALL)
    async with raw_publisher(amqp_url) as publisher:
        await announce(rabbitmq_bus, LIVE_ALL, "before")
        await publisher.publish(LIVE, LIVE_ALL.encode(), BROKEN_BY_GUEST, b"between")
        await announce(rabbitmq_bus, LIVE_ALL, "after")
    heard = await take(live, 3)
    assert bodies_of(heard) == ["before", "between", "after"]
    assert [one.undecodable is None for one in heard] == [True, False, True]
    assert live.epoch() == 1


async def test_a_message_for_a_consumer_that_is_gone_harms_nothing(
    rabbitmq_bus: Bus, amqp_url: str
) -> None:
    """It is delivered after `deliveries` has forgotten its consumer: aiormq must not read it."""
    message = Message(b"good", "text/plain")
    async with raw_publisher(amqp_url) as publisher:
        subscription = rabbitmq_bus.subscribe(events_queue("normal"), prefetch=1)
        await rabbitmq_bus.publish(EVENTS, "normal", message)
        (held,) = await take(subscription, 1)
        for _ in range(3):
            await publisher.publish(EVENTS, b"normal", BROKEN_BY_GUEST, b"bad")
        with capture_logs() as logs:
            await subscription.ack([held])
            await subscription.close()
            again = rabbitmq_bus.subscribe(events_queue("normal"), prefetch=10)
            bad = await take(again, 3)
        assert [(one.body, one.undecodable is None) for one in bad] == [(b"bad", False)] * 3
        assert faults(logs) == []
