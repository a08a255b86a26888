"""`up_to` covers what entered the inbox by that version, whatever was done with it since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from tests.support.inbox_calls import get, post
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher, token

FALL_DUE = "UPDATE notifications SET due_at = now() WHERE snoozed_until IS NOT NULL"


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database) as running:
        yield running


@pytest.fixture
async def http(pusher: Pusher) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token('user-1')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        yield client


async def ids_of(http: httpx2.AsyncClient, *titles: str) -> list[str]:
    items = (await get(http, state="all"))["items"]
    return [item["id"] for item in items if item["title"] in titles]


def entered(page: Any) -> dict[str, tuple[int, int]]:
    """The version and `entered` of each item, by title."""
    return {item["title"]: (item["entered"], item["version"]) for item in page["items"]}


async def wake(database: Database) -> None:
    """Every snooze ends now."""
    async with database.driver() as tx:
        await tx.execute(FALL_DUE)
        await unsnooze_due(tx, Portion(100))


async def test_items_that_were_seen_since_are_read_as_well(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3")
    await post(http, "seen", ids=await ids_of(http, "1", "2"))
    answer = await post(http, "read", up_to=3)
    assert (answer["unread"], answer["changed"]) == (0, 3)
    assert (await get(http, state="unread"))["items"] == []


async def test_what_came_later_is_not_covered_even_where_it_changed_before(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1")
    await post(http, "seen", up_to=1)
    await writer.write("user-1", "2")
    assert (await post(http, "archive", up_to=2))["changed"] == 1
    assert [item["title"] for item in (await get(http))["items"]] == ["2"]


async def test_only_the_end_of_a_snooze_moves_entered(
    http: httpx2.AsyncClient, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "1", "2", "3", "4")
    one, two, three = [await ids_of(http, title) for title in ("1", "2", "3")]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await post(http, "archive", ids=one)
    await post(http, "unarchive", ids=one)
    await post(http, "snooze", ids=two, until=tomorrow)
    await post(http, "snooze", ids=two, until=None)
    await post(http, "snooze", ids=three, until=tomorrow)
    assert entered(await get(http, state="all")) == {
        "1": (1, 6), "2": (2, 8), "3": (3, 9), "4": (4, 4)
    }  # fmt: skip
    await wake(database)
    expected = {"1": (1, 6), "2": (2, 8), "3": (10, 10), "4": (4, 4)}
    assert entered(await get(http)) == expected
    assert entered(await get(http, "/v1/inbox/changes", since=0)) == expected
    answer = await post(http, "read", up_to=9)
    assert (answer["unread"], answer["changed"]) == (1, 3)


async def test_frames_say_when_an_item_entered(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher, database: Database
) -> None:
    await writer.write("user-1", "1", "2")
    async with pusher.feed("user-1") as client:
        await post(http, "seen", ids=await ids_of(http, "1"))
        states = await client.next()
    async with pusher.feed("user-1", since=0) as client:
        replayed = entered({"items": [one["item"] for one in client.past if "item" in one]})
    assert [(one["entered"], one["version"]) for one in states["items"]] == [(1, 3)]
    assert replayed == {"2": (2, 2), "1": (1, 3)}


async def test_rows_of_a_notifier_without_entered_count_with_their_version(
    http: httpx2.AsyncClient, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "1", "2", "3")
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET entered = NULL")
    assert entered(await get(http)) == {"1": (1, 1), "2": (2, 2), "3": (3, 3)}
    await post(http, "seen", ids=await ids_of(http, "1"))
    assert entered(await get(http))["1"] == (1, 4)
    answer = await post(http, "read", up_to=2)
    assert (answer["unread"], answer["changed"]) == (1, 2)
