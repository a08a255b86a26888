"""Lists that walk by deliveries or by event show each notification once, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from tests.support.gateway import at, gateway_client
from tests.support.gateway_rows import put_delivery, put_event, put_notification, put_parked


async def paged(bus: Bus, database: Database, path: str, filters: dict[str, str]) -> list[Any]:
    """The items of all pages of one item each."""
    items: list[Any] = []
    cursor: str | None = ""
    async with gateway_client(bus, database) as client:
        while cursor is not None:
            params = {**filters, "limit": "1"} | ({"cursor": cursor} if cursor else {})
            answer = await client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["items"]) <= 1
            items += page["items"]
            cursor = page["next_cursor"]
    return items


@pytest.mark.parametrize("channel", [None, "sms"])
async def test_a_notification_with_two_failed_deliveries_is_listed_once(
    channel: str | None, memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    made = [await put_notification(database, event, subscriber=f"{n}") for n in range(3)]
    for notification in reversed(made):
        await put_delivery(database, notification, channel="sms", state="failed")
        await put_delivery(database, notification, channel="email", state="failed")
    await put_delivery(database, made[0], channel="email", state="dead")
    await put_delivery(database, await put_notification(database, event), state="sent")
    filters = {"state": "failed"} | ({} if channel is None else {"channel": channel})
    found = await paged(memory_bus, database, "/v1/notifications", filters)
    assert [one["id"] for one in found] == [str(one) for one in reversed(made)]


async def test_the_notifications_of_events_of_one_id_are_listed_event_by_event(
    memory_bus: Bus, database: Database
) -> None:
    events = [await put_event(database, at("12:00:00"), source=source) for source in ("a", "b")]
    people = [("1", events[1]), ("2", events[0]), ("3", events[1]), ("4", events[0])]
    for subscriber, event in people:
        await put_notification(database, event, subscriber=subscriber)
    found = await paged(memory_bus, database, "/v1/notifications", {"event": "o-1"})
    assert [one["subscriber"] for one in found] == ["3", "1", "4", "2"]
    some = await paged(
        memory_bus, database, "/v1/notifications", {"event": "o-1", "subscriber": "4"}
    )
    assert [one["subscriber"] for one in some] == ["4"]


@pytest.mark.parametrize("reverse", [False, True])
async def test_the_deliveries_of_one_notification_are_paged(
    reverse: bool, memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    mine, other = [await put_notification(database, event) for _ in range(2)]
    made = [await put_delivery(database, one) for one in (mine, other, mine)]
    filters = {"notification": str(mine)} | ({"state": "sent"} if reverse else {})
    found = await paged(memory_bus, database, "/v1/deliveries", filters)
    assert [one["id"] for one in found] == [str(made[2]), str(made[0])]


async def test_parked_messages_of_the_tenant_and_of_nobody_are_paged_together(
    memory_bus: Bus, database: Database
) -> None:
    owners = ["default", None, "other", "default", None]
    made = [(owner, await put_parked(database, tenant=owner)) for owner in owners]
    found = await paged(memory_bus, database, "/v1/parked", {})
    wanted = [str(one) for owner, one in reversed(made) if owner != "other"]
    assert [one["id"] for one in found] == wanted
