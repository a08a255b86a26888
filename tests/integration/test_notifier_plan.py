"""Plan on a real database and both buses: one event, one notification, exact versions."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Message
from clarion.contracts.announcement import Announcement
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE
from clarion.contracts.slice import SLICE_SIZE
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
    titles,
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
        content={"title": "On its way", "body": "Tomorrow", "url": "/orders/7"},
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
            "created_at": created_at,
            "seen_at": None,
            "read_at": None,
            "archived_at": None,
            "snoozed_until": None,
        },
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
    random.Random(5).shuffle(messages)  # noqa: S311 # an order to try, not a secret
    async with running_notifiers(bus, database, count=2):
        await publish(bus, *messages)
        await wait_for_rows(database, "SELECT 1 FROM captures", 1)
        await wait_for_rows(database, ALL_EVENTS, 2)
    assert len(await rows(database, "SELECT 1 FROM notifications WHERE subscriber = '42'")) == 2
    (delivery,) = await rows(database, ALL_DELIVERIES)
    assert (delivery["state"], delivery["attempt_count"]) == ("sent", 1)
    stored = await rows(database, "SELECT conflicts FROM events")
    assert stored == [{"conflicts": []}, {"conflicts": []}]


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
    body = msgspec.json.encode({"v": 1, "events": [bad, entry(event(id="good"))]})
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


async def test_every_channel_has_its_reason(bus: Bus, database: Database) -> None:
    channels = ["inbox", "email", "sms", "push"]
    people = [{"id": "ann", "email": "ann@example.org", "phone": "+49 151 23456789"}, "user:bob"]
    async with running_notifiers(bus, database):
        await publish(
            bus,
            envelope(
                event(to=people, channels=channels),
                event(to="user:bob", channels=["email"]),
                event(to=None, id="nobody"),
            ),
        )
        await wait_for_rows(database, ALL_EVENTS, 3)
        deliveries = await wait_for_rows(database, ALL_DELIVERIES, 2)
    stored = await rows(database, ALL_NOTIFICATIONS)
    assert {one["subscriber"]: _reasons(one["decisions"]) for one in stored} == {
        "ann": ["send requested", "send requested", "send requested", "skip no_provider"],
        "bob": ["send requested", "skip no_address", "skip no_address", "skip no_provider"],
    }
    assert [(one["channel"], one["recipient"]) for one in deliveries] == [
        ("email", "ann@example.org"),
        ("sms", "+4915123456789"),
    ]
    unreached = [one["unreached"] for one in await rows(database, ALL_EVENTS)]
    assert unreached[0] == []
    assert [one["subscriber"] for one in unreached[1]] == ["bob"]
    assert unreached[2] == [
        {
            "subscriber": None,
            "decisions": [{"channel": "inbox", "decision": "skip", "reason": "no_audience"}],
        }
    ]


async def test_the_directory_takes_over_only_what_is_given(bus: Bus, database: Database) -> None:
    async with running_notifiers(bus, database):
        await publish(
            bus,
            envelope(event(to={"id": "ann", "email": "a@example.org", "locale": "de"})),
            envelope(event(to={"id": "ann", "phone": "+4915123456789"})),
            envelope(event(to={"id": "ann", "locale": "en"}), event(to={"id": "bob"})),
        )
        await wait_for_rows(database, ALL_EVENTS, 4)
    (stored,) = await rows(database, "SELECT id, email, phone, locale FROM subscribers")
    assert stored == {
        "id": "ann",
        "email": "a@example.org",
        "phone": "+4915123456789",
        "locale": "en",
    }


async def test_send_at_holds_item_and_email_until_then(bus: Bus, database: Database) -> None:
    live = bus.listen(["0"])
    send_at = datetime.now(UTC) + timedelta(seconds=1.5)
    held = event(
        to={"id": "42", "email": "ann@example.org"},
        channels=["inbox", "email"],
        content={"title": "held"},
        send_at=send_at,
    )
    async with running_notifiers(bus, database, count=2):
        await publish(bus, envelope(held))
        await wait_for_rows(database, ALL_NOTIFICATIONS, 1)
        await publish(bus, envelope(event(content={"title": "at once"})))
        frames = await take_frames(live, 2)
        (capture,) = await wait_for_rows(database, "SELECT captured_at FROM captures", 1)
        await wait_for_rows(database, "SELECT 1 FROM notifications WHERE due_at IS NULL", 2)
    assert [(one["version"], one["unread"], one["item"]["title"]) for _, _, one in frames] == [
        (1, 1, "at once"),
        (2, 2, "held"),
    ]
    assert capture["captured_at"] >= send_at
    stored = await rows(database, ALL_NOTIFICATIONS)
    assert titles(stored) == ["at once", "held"]
    assert _reasons(stored[1]["decisions"]) == ["hold scheduled", "hold scheduled"]


async def test_what_has_expired_is_not_sent(bus: Bus, database: Database) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(expires_at=past)))
        (stored,) = await wait_for_rows(database, ALL_EVENTS, 1)
    (unreached,) = stored["unreached"]
    assert [one["reason"] for one in unreached["decisions"]] == ["expired"]
    assert await rows(database, ALL_NOTIFICATIONS) == []


async def test_a_topic_reaches_each_member_once(bus: Bus, database: Database) -> None:
    await _add_members(database, "vips", ["1", "2", "3"])
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(to=["user:2", "topic:vips", "topic:empty"])))
        stored = await wait_for_rows(database, ALL_NOTIFICATIONS, 3)
    assert [one["subscriber"] for one in stored] == ["1", "2", "3"]
    assert await rows(database, "SELECT * FROM slices") == []


async def test_a_large_audience_is_planned_in_slices_each_member_once(
    bus: Bus, database: Database
) -> None:
    everybody = [f"s{n:05}" for n in range(2 * SLICE_SIZE + 500)]
    await _add_members(database, "all", everybody)
    await _add_members(database, "some", [*everybody[:300], "only-here"])
    sent = event(to=["user:s00007", "user:direct", "topic:some", "topic:all"])
    async with running_notifiers(bus, database, count=2):
        await publish(bus, envelope(sent), envelope(sent))
        stored = await wait_for_rows(database, ALL_NOTIFICATIONS, len(everybody) + 2)
        await wait_for_rows(database, "SELECT 1 FROM slices WHERE due_at IS NULL", 4)
    assert sorted(one["subscriber"] for one in stored) == sorted(
        [*everybody, "direct", "only-here"]
    )
    assert {one["version"] for one in stored} == {1}


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
    heard = [
        one.feed
        for message in messages
        for one in msgspec.msgpack.decode(message.body, type=Announcement).frames
    ]
    assert sorted(heard) == sorted(f"default/{n}" for n in range(50))


def _reasons(decisions: list[dict[str, Any]]) -> list[str]:
    return [f"{one['decision']} {one['reason']}" for one in decisions]


async def _add_members(database: Database, topic: str, members: list[str]) -> None:
    async with database.driver() as tx:
        await tx.execute(
            "INSERT INTO topic_members (tenant, topic, subscriber)"
            " SELECT 'default', $1, unnest($2::text[])",
            topic,
            members,
        )
