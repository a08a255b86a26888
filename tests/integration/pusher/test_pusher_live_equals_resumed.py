"""A page that listened and a page that resumed show the same, whatever was done meanwhile."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from clarion.store.database import Database
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from services.pusher.inbox.command import InboxCommand, Verb
from tests.support.held_items import carry_out
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import Client, Frame, Pusher

VERBS: tuple[Verb, ...] = get_args(Verb)
FALL_DUE = "UPDATE notifications SET due_at = now() WHERE snoozed_until IS NOT NULL"
Shown = tuple[str, bool, bool]


class Page:
    """What a page holds: items that are told whole, and the state changes of those."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.unread = 0

    def handle(self, frame: Frame) -> None:
        if frame["type"] == "notification":
            self.items[frame["item"]["id"]] = frame["item"]
        if frame.get("verb"):
            carry_out(self.items, frame)
        for state in frame.get("items", ()):
            if state["id"] in self.items or "title" in state:
                self.items[state["id"]] = self.items.get(state["id"], {}) | state
        if frame["type"] in ("notification", "changed", "caught_up"):
            self.version = frame["version"]
        self.unread = frame.get("unread", self.unread)

    def shown(self) -> dict[str, Shown]:
        """What it shows as the inbox."""
        return {
            name: (item["title"], item["seen_at"] is not None, item["read_at"] is not None)
            for name, item in self.items.items()
            if item["archived_at"] is None and item["snoozed_until"] is None
        }


@pytest.mark.parametrize("seed", range(6))
async def test_a_page_that_listened_shows_what_one_that_resumed_shows(
    pusher: Pusher, writer: InboxWriter, database: Database, seed: int
) -> None:
    choice = random.Random(seed)
    await writer.write("user-1", *(str(n) for n in range(8)))
    ids = await _ids(database)
    for _ in range(10):
        await _act(pusher, writer, database, choice, ids)
    resumed = Page()
    async with pusher.feed("user-1") as client:
        for frame in client.past:
            resumed.handle(frame)
    listened = Page()
    async with pusher.feed("user-1") as client:
        for frame in client.past:
            listened.handle(frame)
        for _ in range(40):
            await _act(pusher, writer, database, choice, ids)
        await pusher.engine.gap_filler.reconcile()
        await _listen(client, listened, await _head(database))
    async with pusher.feed("user-1", since=resumed.version) as client:
        for frame in client.past:
            resumed.handle(frame)
    assert (listened.version, listened.unread) == (resumed.version, resumed.unread)
    assert listened.shown() == resumed.shown()


async def test_items_whose_snooze_was_ended_are_told_whole(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3")
    async with pusher.feed("user-1") as first:
        ids = [one["item"]["id"] for one in first.past if one["type"] == "notification"]
        await first.send({"type": "read", "ids": ids[:1], "ref": 1})
        await first.until("ok")
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        await first.send({"type": "snooze", "ids": ids[:2], "until": until, "ref": 2})
        await first.until("ok")
    async with pusher.feed("user-1") as page, pusher.feed("user-1") as other:
        await other.send({"type": "snooze", "ids": ids[:1], "until": None, "ref": 3})
        frame = await page.next()
        await other.send({"type": "snooze", "ids": ids[:1], "until": until, "ref": 4})
        await page.next()
        await other.send({"type": "snooze", "up_to": 99, "until": None, "ref": 5})
        both = await page.next()
    assert (frame["type"], frame["version"], frame["unread"]) == ("notification", 6, 1)
    assert (frame["item"]["title"], frame["item"]["read_at"] is None) == ("1", False)
    assert (both["type"], both["version"], both["unread"]) == ("changed", 8, 2)
    assert {one["title"]: one["read_at"] is None for one in both["items"]} == {
        "1": False,
        "2": True,
    }
    assert both["items"][0].keys() == frame["item"].keys()


async def test_items_taken_out_of_the_archive_are_told_whole_and_as_they_were(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3")
    async with pusher.feed("user-1") as first:
        ids = [one["item"]["id"] for one in first.past if one["type"] == "notification"]
        await first.send({"type": "read", "ids": ids[:1], "ref": 1})
        await first.until("ok")
        await first.send({"type": "archive", "ids": ids[:2], "ref": 2})
        await first.until("ok")
    async with pusher.feed("user-1") as page, pusher.feed("user-1") as other:
        held = [one["item"]["title"] for one in page.past if one["type"] == "notification"]
        await other.send({"type": "unarchive", "ids": ids[:1], "ref": 3})
        frame = await page.next()
        await other.send({"type": "archive", "ids": ids[:1], "ref": 4})
        await page.next()
        await other.send({"type": "unarchive", "up_to": 99, "ref": 5})
        both = await page.next()
        await other.send({"type": "unarchive", "ids": ids, "ref": 6})
        for ref in (3, 4, 5):
            assert (await other.until("ok"))[-1]["ref"] == ref
        assert await other.next() == {"type": "ok", "ref": 6}  # nothing is left to change
    assert held == ["3"]
    assert (frame["type"], frame["version"], frame["unread"]) == ("notification", 6, 1)
    item = frame["item"]
    assert (item["title"], item["archived_at"], item["read_at"] is None) == ("1", None, False)
    assert (both["type"], both["version"], both["unread"]) == ("changed", 8, 2)
    assert {one["title"]: one["read_at"] is None for one in both["items"]} == {
        "1": False,
        "2": True,
    }
    assert both["items"][0].keys() == item.keys()


async def test_many_items_whose_snooze_ends_at_once_come_in_frames_of_a_bounded_size(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", *(str(n) for n in range(20)), data="x" * 20_000)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with pusher.feed("user-1") as other:
        await other.send({"type": "snooze", "up_to": 99, "until": until, "ref": 1})
        await other.until("ok")
    async with pusher.feed("user-1") as page, pusher.feed("user-1") as other:
        await other.send({"type": "snooze", "up_to": 99, "until": None, "ref": 2})
        frames = [await page.next() for _ in range(3)]
    assert [(one["version"], len(one["items"])) for one in frames] == [(22, 8), (23, 8), (24, 4)]
    assert frames[-1]["unread"] == 20
    assert all(len(json.dumps(one)) < 2**20 for one in frames)


async def _listen(client: Client, page: Page, head: int) -> None:
    while page.version < head:
        page.handle(await client.next())


async def _act(
    pusher: Pusher,
    writer: InboxWriter,
    database: Database,
    choice: random.Random,
    ids: list[UUID],
) -> None:
    kind = choice.random()
    if kind < 0.1:
        await writer.write("user-1", "new")
        ids[:] = await _ids(database)
    elif kind < 0.15:
        async with database.driver() as tx:
            await tx.execute(FALL_DUE)
            woken = await unsnooze_due(tx, Portion(1))
        await writer.announce(woken.frames)
    else:
        changes = pusher.engine.commands
        is_told = choice.random() < 0.7
        make = changes.apply_and_announce if is_told else changes._commands.apply  # pyright: ignore[reportPrivateUsage] # a command whose announcement is lost
        until = None if choice.random() < 0.6 else datetime.now(UTC) + timedelta(hours=1)
        verb = choice.choices(VERBS, [1, 1, 1, 1, 2, 6])[0]
        is_wide = verb != "archive" and choice.random() < 0.2
        chosen = None if is_wide else tuple(choice.sample(ids, choice.randint(1, 2)))
        await make(
            InboxCommand(
                TENANT,
                "user-1",
                verb,
                ids=chosen,
                up_to=choice.randint(0, 60),
                until=until,
            )
        )


async def _ids(database: Database) -> list[UUID]:
    async with database.driver() as tx:
        rows = await tx.fetch("SELECT id FROM notifications ORDER BY id")
    return [UUID(str(row["id"])) for row in rows]


async def _head(database: Database) -> int:
    async with database.driver() as tx:
        return await tx.fetchval("SELECT version FROM inboxes")
