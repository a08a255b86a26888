"""Plan on a real database and both buses: one event, one notification, exact versions."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import msgspec
import pytest

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Message
from clarion.contracts.announcement import decode_announcement
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, encode_envelope
from clarion.errors import BusUnavailable
from clarion.store.database import Database
from services.notifier.settings import NotifierSettings
from tests.support.notifier import (
    entry,
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    take_frames,
    wait_for_rows,
)

ALL_EVENTS = "SELECT * FROM events ORDER BY id"
ALL_NOTIFICATIONS = "SELECT * FROM notifications ORDER BY subscriber, version, id"
ALL_DELIVERIES = "SELECT * FROM deliveries ORDER BY id"
ALL_PARKED = "SELECT * FROM parked ORDER BY id"


async def test_an_event_becomes_an_item_and_a_frame(bus: Bus, database: Database) -> None:
    live = bus.listen(["0"])
    sent = event(
        data={"number": 7},
        content={
            "title": "On its way",
            "body": "Tomorrow",
            "url": "/orders/7",
            "image": "/parcel.png",
            "actor": "Hermes",
        },
        category="orders",
    )
    async with running_notifiers(bus, database):
        await asyncio.sleep(0)
        await publish(bus, envelope(sent))
        ((feed, version, frame),) = await take_frames(live, 1)
    (item,) = await rows(database, ALL_NOTIFICATIONS)
    created_at = item["created_at"].isoformat().replace("+00:00", "Z")
    assert (feed, version) == ("default/42", 1)
    assert frame == {
        "type": "notification",
        "version": 1,
        "unread": 1,
        "item": {
            "id": str(item["id"]),
            "event_id": sent["id"],
            "type": "order.shipped",
            "category": "orders",
            "title": "On its way",
            "body": "Tomorrow",
            "url": "/orders/7",
            "data": {"number": 7},
            "lane": "normal",
            "version": 1,
            "entered": 1,
            "created_at": created_at,
            "seen_at": None,
            "read_at": None,
            "archived_at": None,
            "snoozed_until": None,
            "image": "/parcel.png",
            "actor": "Hermes",
        },
        "trace_id": item["trace_id"],
    }


async def test_versions_and_unread_are_exact_over_two_notifiers(
    bus: Bus, database: Database
) -> None:
    live = bus.listen(["0"])
    events = [event(to=[f"user:{n % 7}", f"user:{n % 3}"], type=f"t{n}") for n in range(200)]
    messages = [envelope(*events[start : start + 8]) for start in range(0, 200, 8)]
    expected = Counter(one for n in range(200) for one in {str(n % 7), str(n % 3)})
    async with running_notifiers(bus, database, count=2):
        await publish(bus, *messages)
        frames = await take_frames(live, sum(expected.values()))
    heads = await rows(database, "SELECT subscriber, version, unread FROM inboxes")
    assert {one["subscriber"]: one["version"] for one in heads} == expected
    assert {one["subscriber"]: one["unread"] for one in heads} == expected
    by_feed: dict[str, list[int]] = {}
    for feed, version, frame in frames:
        assert frame["unread"] == frame["version"] == version
        by_feed.setdefault(feed.removeprefix("default/"), []).append(version)
    assert {feed: sorted(one) for feed, one in by_feed.items()} == {
        subscriber: list(range(1, count + 1)) for subscriber, count in expected.items()
    }
    stored = await rows(database, ALL_NOTIFICATIONS)
    assert sorted((one["subscriber"], one["version"]) for one in stored) == sorted(
        (subscriber, version) for subscriber, one in by_feed.items() for version in one
    )


async def test_the_same_event_six_times_over_two_notifiers_is_told_once(
    bus: Bus, database: Database
) -> None:
    sent = event(
        id="e-1",
        source="shop",
        to=[{"id": "42", "email": "ann@example.org"}],
        channels=["inbox", "email"],
    )
    cloud = {
        "specversion": "1.0",
        **{name: sent[name] for name in ("id", "source", "type", "to", "channels")},
    }
    messages = [envelope(sent) for _ in range(5)]
    messages.append(Message(msgspec.json.encode(cloud), "application/cloudevents+json"))
    messages += [envelope(event(id="last"))]
    random.Random(5).shuffle(messages)
    async with running_notifiers(bus, database, count=2):
        await publish(bus, *messages)
        await wait_for_rows(database, "SELECT 1 FROM captures", 1)
        await wait_for_rows(database, ALL_EVENTS, 2)
    assert len(await rows(database, "SELECT 1 FROM notifications WHERE subscriber = '42'")) == 2
    (delivery,) = await rows(database, ALL_DELIVERIES)
    assert (delivery["state"], delivery["attempt_count"]) == ("sent", 1)
    stored = await rows(database, "SELECT conflicts FROM events")
    assert stored == [{"conflicts": []}, {"conflicts": []}]


async def test_an_event_that_comes_a_thousand_times_over_four_notifiers_is_sent_once(
    bus: Bus, database: Database
) -> None:
    ann = {"id": "ann", "email": "ann@example.org"}
    again = envelope(event(to=ann, channels=["inbox", "email"]))
    async with running_notifiers(bus, database, count=4):
        await asyncio.gather(*(publish(bus, again) for _ in range(1_000)))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
        last = envelope(event(id="last"))
        await publish(bus, last)
        await wait_for_rows(database, "SELECT 1 FROM events WHERE event_id = 'last'", 1)
    for table in ("deliveries", "attempts", "captures"):
        assert await rows(database, f"SELECT count(*) AS n FROM {table}") == [{"n": 1}]
    assert await rows(database, "SELECT count(*) AS n FROM events") == [{"n": 2}]
    inbox = "SELECT version, unread FROM inboxes WHERE subscriber = 'ann'"
    assert await rows(database, inbox) == [{"version": 1, "unread": 1}]


async def test_another_body_under_a_taken_id_is_kept_once(bus: Bus, database: Database) -> None:
    first = event(id="e-1", data={"a": 1, "b": 2})
    same = first | {"data": {"b": 2, "a": 1}, "time": "2026-01-01T00:00:00Z"}
    other = first | {"data": {"a": 2}}
    async with running_notifiers(bus, database):
        await publish(bus, envelope(first), envelope(same, other), envelope(other, event(id="z")))
        await wait_for_rows(database, ALL_EVENTS, 2)
    (stored,) = await rows(database, "SELECT conflicts FROM events WHERE event_id = 'e-1'")
    assert [one["body"]["data"] for one in stored["conflicts"]] == [{"a": 2}]
    assert len(await rows(database, ALL_NOTIFICATIONS)) == 2


class DeafBus(MemoryBus):
    """Takes no announcements and no jobs while `deaf`."""

    deaf = True

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if self.deaf and exchange != "clarion.events":
            raise BusUnavailable("Deaf.")
        await super().publish(exchange, key, message, mandatory=mandatory)


async def test_what_a_crash_left_unannounced_is_announced_by_the_second_reading(
    database: Database,
) -> None:
    bus = DeafBus()
    await bus.start()
    live = bus.listen(["0"])
    sent = event(to={"id": "42", "email": "ann@example.org"}, channels=["inbox", "email"])
    settings = NotifierSettings(shutdown_timeout_s=0.2)
    async with running_notifiers(bus, database, settings):
        await publish(bus, envelope(sent))
        await wait_for_rows(database, ALL_NOTIFICATIONS, 1)
    bus.deaf = False
    async with running_notifiers(bus, database):
        ((feed, version, frame),) = await take_frames(live, 1)
        await wait_for_rows(database, "SELECT 1 FROM captures", 1)
    assert (feed, version, frame["unread"]) == ("default/42", 1, 1)
    assert len(await rows(database, ALL_NOTIFICATIONS)) == 1
    await bus.close()


async def test_one_poison_among_a_hundred_is_parked_alone(bus: Bus, database: Database) -> None:
    events = [event(id=f"e-{n}", data={"n": n}) for n in range(100)]
    events[37]["data"] = {"n": "nul \0 inside"}
    async with running_notifiers(bus, database):
        await publish(bus, envelope(*events))
        await wait_for_rows(database, "SELECT 1 FROM events WHERE state = 'planned'", 99)
        (parked,) = await wait_for_rows(database, ALL_PARKED, 1)
    assert (parked["reason"], parked["tenant"]) == ("planning_failed", "default")
    assert parked["trace_id"] != ""
    (alone,) = msgspec.json.decode(parked["body"])["events"]
    assert alone["id"] == "e-37"
    (record,) = await rows(database, "SELECT event_id FROM events WHERE state = 'parked'")
    assert record["event_id"] == "e-37"
    (head,) = await rows(database, "SELECT version, unread FROM inboxes")
    assert head == {"version": 99, "unread": 99}


async def test_what_is_malformed_is_parked_with_its_reason(bus: Bus, database: Database) -> None:
    bad = entry(event(id="bad") | {"type": 7})
    body = encode_envelope([bad, entry(event(id="good"))])
    async with running_notifiers(bus, database):
        await publish(
            bus,
            Message(body, ENVELOPE_CONTENT_TYPE),
            Message(b"{", ENVELOPE_CONTENT_TYPE),
            Message(b'{"specversion": "1.0"}', "application/cloudevents+json"),
            Message(b"<xml/>", "text/xml"),
        )
        await wait_for_rows(database, ALL_EVENTS, 1)
        parked = await wait_for_rows(database, ALL_PARKED, 4)
    assert [one["reason"] for one in parked] == [
        "malformed_event",
        "malformed_envelope",
        "invalid",
        "unsupported_media_type",
    ]
    assert "event.type" not in parked[0]["detail"]
    assert "$.type" in parked[0]["detail"]


@pytest.mark.parametrize("mapped", [{"shop": ("acme", "web")}])
async def test_an_amqp_user_publishes_for_its_tenant(
    memory_bus: Bus, database: Database, mapped: dict[str, tuple[str, str]]
) -> None:
    settings = NotifierSettings(amqp_tenants=mapped)
    async with running_notifiers(memory_bus, database, settings):
        body = msgspec.json.encode(event(id="e-1"))
        await publish(memory_bus, Message(body, "application/json"))
        (parked,) = await wait_for_rows(database, ALL_PARKED, 1)
    assert parked["reason"] == "not_allowed"


async def test_the_urgent_lane_does_not_wait_for_the_normal_one(
    memory_bus: Bus, database: Database
) -> None:
    live = memory_bus.listen(["0"])
    async with running_notifiers(memory_bus, database), database.driver() as tx:
        await tx.execute("INSERT INTO inboxes VALUES ('default', 'busy', 0, 0)")
        await publish(memory_bus, envelope(event(to="user:busy")))
        await publish(memory_bus, envelope(event(to="user:42")), lane="urgent")
        ((feed, _, frame),) = await take_frames(live, 1)
    assert (feed, frame["item"]["lane"]) == ("default/42", "urgent")


async def test_announcements_go_to_the_shard_of_their_feed(
    memory_bus: Bus, database: Database
) -> None:
    ears = [memory_bus.listen([str(shard)]) for shard in range(4)]
    async with running_notifiers(memory_bus, database, NotifierSettings(live_shards=4)):
        await publish(memory_bus, envelope(event(to=[f"user:{n}" for n in range(50)])))
        messages = [(await ear.take(10))[0] for ear in ears]
    heard = [one.feed for message in messages for one in decode_announcement(message.body).frames]
    assert sorted(heard) == sorted(f"default/{n}" for n in range(50))
