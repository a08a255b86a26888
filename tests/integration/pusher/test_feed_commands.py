"""`read`, `seen` and `archive` with `up_to` are one entry in the feed, however many items."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.records import inbox_commands
from clarion.store.database import Database
from tests.support.inbox_calls import get, post
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Frame, Pusher, running_pusher, token

PAGES = "SELECT id, (ctid::text::point)[0]::int AS page FROM notifications ORDER BY id"


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database) as running:
        yield running


@pytest.fixture
async def http(pusher: Pusher) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token('user-1')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        yield client


async def replay(pusher: Pusher, since: int) -> list[Frame]:
    async with pusher.feed("user-1", since=since) as client:
        return client.past


@pytest.mark.parametrize("category", [None, "a"])
@pytest.mark.parametrize("verb", ["read", "seen", "archive"])
async def test_it_is_the_same_frame_live_and_in_a_replay_and_a_command_of_the_changes(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher, verb: str, category: str | None
) -> None:
    await writer.store("user-1", ["1", "2"], category="a")
    await writer.store("user-1", ["3"], category="b")
    which = {} if category is None else {"category": category}
    async with pusher.feed("user-1") as client:
        answer = await post(http, verb, up_to=99, **which)
        live = await client.next()
        assert await post(http, verb, up_to=99, **which) == answer | {"changed": 0}
        assert await post(http, verb, up_to=99, category="c") == answer | {"changed": 0}
    welcome, replayed, end = await replay(pusher, 3)
    changes = await get(http, "/v1/inbox/changes", since=3)
    items = (await get(http, state="all"))["items"]

    name = {"read": "read_at", "seen": "seen_at", "archive": "archived_at"}[verb]
    told = {"verb": verb, "up_to": 3, "at": live["at"], **which}
    unread = answer["unread"]
    assert live == {"type": "changed", "version": 4, "unread": unread, "items": []} | told
    assert (welcome["version"], replayed, end["version"]) == (4, live, 4)
    document = {"category": None, "version": 4} | told
    assert [{"category": None} | one for one in changes["commands"]] == [document]
    assert (changes["items"], changes["version"]) == ([], 4)
    assert [item["version"] for item in items] == [3, 2, 1]
    covered = {item["title"]: item[name] for item in items}
    others = live["at"] if category is None else None
    assert covered == {"1": live["at"], "2": live["at"], "3": others}
    assert answer["changed"] == sum(one is not None for one in covered.values())
    left = 3 if verb == "seen" else sum(one is None for one in covered.values())
    assert unread == left


async def test_only_what_is_unset_is_set_and_archive_ends_a_snooze(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3")
    three, two, one = [item["id"] for item in (await get(http))["items"]]
    await post(http, "seen", ids=[one])
    await post(http, "read", ids=[two])
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await post(http, "snooze", ids=[three], until=tomorrow)
    before = {item["id"]: item for item in (await get(http, state="all"))["items"]}
    assert (await post(http, "read", up_to=3)) == {"version": 7, "unread": 0, "changed": 2}
    assert (await post(http, "archive", up_to=3)) == {"version": 8, "unread": 0, "changed": 3}
    after = {item["id"]: item for item in (await get(http, state="archived"))["items"]}
    assert after[one]["seen_at"] == before[one]["seen_at"] != after[one]["read_at"]
    assert after[two]["read_at"] == before[two]["read_at"]
    assert after[three]["read_at"] == after[three]["seen_at"] == after[one]["read_at"]
    assert after[three]["snoozed_until"] is None
    assert len({item["archived_at"] for item in after.values()}) == 1
    assert [after[id_]["version"] for id_ in (one, two, three)] == [4, 5, 6]


async def test_a_version_beyond_the_head_covers_nothing_that_comes_later(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher
) -> None:
    await writer.write("user-1", "1")
    await post(http, "read", up_to=1_000)
    await writer.write("user-1", "2")
    _, frame, item, _ = await replay(pusher, 1)
    assert (frame["up_to"], item["item"]["title"], item["item"]["read_at"]) == (1, "2", None)
    assert [one["title"] for one in (await get(http, state="unread"))["items"]] == ["2"]
    assert (await post(http, "read", up_to=1_000))["changed"] == 1


async def test_what_was_marked_unread_is_read_again_by_the_next_command(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2")
    await post(http, "read", up_to=2)
    await post(http, "unread", up_to=1)
    assert (await get(http))["unread"] == 1
    assert await post(http, "read", up_to=2) == {"version": 5, "unread": 0, "changed": 1}


async def test_thousands_of_items_are_one_small_frame_and_find_room_in_their_pages(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher, database: Database
) -> None:
    await writer.store("user-1", [f"{n}" for n in range(5_000)])
    async with database.driver() as tx:
        before = await tx.fetch(PAGES)
    async with pusher.feed("user-1") as client:
        answer = await post(http, "read", up_to=5_000)
        frame = await client.next()
    async with database.driver() as tx:
        after = await tx.fetch(PAGES)
    assert answer == {"version": 5_001, "unread": 0, "changed": 5_000}
    assert len(json.dumps(frame)) < 1_024
    stayed = sum(one == other for one, other in zip(before, after, strict=True))
    assert stayed > 0.8 * 5_000  # a new row is somewhat larger: the last of a page may not fit


async def test_who_is_below_the_commands_that_are_kept_begins_anew(
    http: httpx2.AsyncClient,
    writer: InboxWriter,
    pusher: Pusher,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox_commands, "MAX_KEPT", 2)
    for n in range(4):  # versions 1, 3, 5, 7; the commands are 2, 4, 6, 8
        await writer.write("user-1", str(n))
        await post(http, "read", up_to=99)
    async with database.driver() as tx:
        kept = [row[0] for row in await tx.fetch("SELECT version FROM inbox_commands ORDER BY 1")]
        floor = await tx.fetchval("SELECT floor FROM inboxes")
    assert (kept, floor) == ([6, 8], 4)

    for since, is_reset in ((3, True), (4, False)):
        frames = await replay(pusher, since)
        page = await get(http, "/v1/inbox/changes", since=since)
        assert frames[0].get("reset", False) == page["reset"] == is_reset
        commands = [one["version"] for one in frames if "verb" in one]
        assert commands == [one["version"] for one in page["commands"]]
        assert commands == ([] if is_reset else [6, 8])
        titles = {one["item"]["title"] for one in frames if "item" in one}
        assert titles == {item["title"] for item in page["items"]}
        assert titles == ({"0", "1", "2", "3"} if is_reset else {"2", "3"})


async def test_commands_are_kept_for_ninety_days(
    http: httpx2.AsyncClient, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "1")
    await post(http, "read", up_to=1)
    await post(http, "archive", up_to=1)
    async with database.driver() as tx:
        await tx.execute("UPDATE inbox_commands SET at = at - interval '91 days' WHERE version = 2")
    await writer.write("user-1", "2")
    await post(http, "read", up_to=4)
    async with database.driver() as tx:
        rows = await tx.fetch("SELECT version FROM inbox_commands ORDER BY version")
        assert await tx.fetchval("SELECT floor FROM inboxes") == 2
    assert [row["version"] for row in rows] == [3, 5]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ids": ["018f0000-0000-7000-8000-000000000000"], "category": "a"}, "goes with"),
        ({"up_to": 1, "category": "a b"}, "A-Z a-z 0-9"),
    ],
)
async def test_a_category_is_one_and_goes_with_up_to(
    http: httpx2.AsyncClient, pusher: Pusher, body: dict[str, Any], words: str
) -> None:
    answer = await http.post("/v1/inbox/read", json=body)
    async with pusher.feed("user-1") as client:
        await client.send({"type": "read", "ref": 1} | body)
        error = await client.next()
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert words in answer.text
    assert (error["type"], error["code"], words in error["detail"]) == ("error", "invalid", True)


async def test_verbs_that_change_items_one_by_one_take_a_category_too(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.store("user-1", ["1", "2"], category="a")
    await writer.store("user-1", ["3"])
    await post(http, "archive", up_to=3)
    assert (await post(http, "unarchive", up_to=2, category="b"))["changed"] == 0
    assert (await post(http, "unarchive", up_to=1, category="a"))["changed"] == 1
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = await post(http, "snooze", up_to=99, category="a", until=tomorrow)
    assert (answer["changed"], answer["unread"]) == (1, 0)
