"""Whom an event is told to, on which channels, when, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clarion.bus.protocol import Bus
from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Database
from tests.support.notifier import (
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
