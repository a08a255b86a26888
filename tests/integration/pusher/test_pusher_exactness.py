"""Nothing is lost and nothing doubled: kills, lost and reordered announcements, a deaf pusher."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from clarion.bus import Bus
from clarion.contracts.announcement import FeedFrame
from clarion.store.database import Database
from services.pusher.feed.announcement_subscriber import AnnouncementSubscriber
from services.pusher.inbox.command import InboxCommand
from testbed.processes import wait_until
from tests.support.held_items import carry_out
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Client, Frame, Pusher, running_pusher


async def test_a_client_killed_200_times_has_each_item_once_in_order(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    random = Random(7)
    items: list[str] = []
    cursor, unread = 0, 0

    async def events() -> None:
        for n in range(0, 2000, 5):
            await writer.write("user-1", *(str(one) for one in range(n, n + 5)))

    async def take(client: Client, frames: int) -> None:
        nonlocal cursor, unread
        for _ in range(frames):
            frame = await client.next()
            if frame["type"] == "notification":
                items.append(frame["item"]["title"])
            if frame["type"] != "welcome":
                cursor = frame["version"]
            unread = frame.get("unread", unread)

    writing = asyncio.create_task(events())
    for _ in range(200):
        async with pusher.connect("user-1") as client:
            await client.hello(since=cursor)
            await take(client, random.randrange(1, 14))
            client.connection.transport.abort()
    await writing
    async with pusher.connect("user-1") as client:
        await client.hello(since=cursor)
        while cursor < 2000:
            await take(client, 1)

    assert items == [str(n) for n in range(2000)]
    async with database.driver() as connection:
        stored = await connection.fetchval("SELECT unread FROM inboxes")
    assert unread == stored == 2000


async def test_items_read_while_a_long_replay_runs_are_not_lost(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", *(str(n) for n in range(1800)))
    async with pusher.feed("user-1", since=1800) as other, pusher.connect("user-1") as client:
        await client.hello(since=0)
        held: dict[str, Frame] = {}
        while not held:  # the replay has begun, and its first page was read before the command
            apply(held, await client.next())
        await other.send({"type": "read", "up_to": 900})
        await writer.write("user-1", "last")
        version = 0
        while version < 1802:
            frame = await client.next()
            apply(held, frame)
            version = frame.get("version", version)

    assert len(held) == 1801
    assert [item["title"] for item in held.values() if item["read_at"] is None] == [
        *(str(n) for n in range(900, 1800)),
        "last",
    ]


def apply(held: dict[str, Frame], frame: Frame) -> None:
    """Keep items by id, and what frames tell of them: states of some, or a command on all that
    entered by a version."""
    if frame["type"] == "notification":
        held[frame["item"]["id"]] = frame["item"]
    for item in frame.get("items", ()):
        held[item["id"]] |= item
    if frame.get("verb"):
        carry_out(held, frame)


async def test_reordered_announcements_arrive_in_order(pusher: Pusher, writer: InboxWriter) -> None:
    async with pusher.feed("user-1") as client:
        frames = await writer.store("user-1", [str(n) for n in range(5)])
        for n in (3, 1, 0, 0, 4, 2, 2):
            await writer.announce([frames[n]])
        received = [await client.next() for _ in range(5)]

    assert [one["type"] for one in received] == ["notification"] * 5
    assert [one["version"] for one in received] == [1, 2, 3, 4, 5]
    assert [one["unread"] for one in received] == [1, 2, 3, 4, 5]


async def test_a_lost_announcement_is_read_from_the_store(
    pusher: Pusher, writer: InboxWriter
) -> None:
    async with pusher.feed("user-1") as client, pusher.feed("user-1") as second:
        frames = await writer.store("user-1", ["lost", "heard"])
        await writer.announce(frames[1:])
        received = [await client.next(), await client.next()]
        assert [await second.next(), await second.next()] == received

    assert [(one["type"], one["version"]) for one in received] == [
        ("notification", 1),
        ("notification", 2),
    ]
    assert [one["item"]["title"] for one in received] == ["lost", "heard"]


async def test_a_lost_change_is_read_from_the_store(
    pusher: Pusher, writer: InboxWriter, memory_bus: Bus, database: Database
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        commands = pusher.engine.commands._commands  # pyright: ignore[reportPrivateUsage] # a pusher that died before it announced
        await commands.apply(InboxCommand("default", "user-1", "read", up_to=1))
        await writer.write("user-1", "three")
        changed, new = await client.next(), await client.next()

    assert (changed["type"], changed["version"], changed["unread"]) == ("changed", 3, 2)
    assert (changed["verb"], changed["up_to"], changed["items"]) == ("read", 1, [])
    assert (new["type"], new["version"], new["unread"]) == ("notification", 4, 2)


async def test_what_the_store_no_longer_tells_one_by_one_comes_as_a_replay(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    async with pusher.feed("user-1") as client:
        commands = pusher.engine.commands._commands  # pyright: ignore[reportPrivateUsage] # a pusher that died before it announced
        await writer.store("user-1", ["one", "two"])
        async with database.driver() as tx:
            first = await tx.fetchval("SELECT id FROM notifications WHERE version = 1")
        await commands.apply(InboxCommand("default", "user-1", "read", ids=(first,)))
        await writer.write("user-1", "three")
        frames = await client.until("caught_up")
        await writer.write("user-1", "four")
        live = await client.next()

    assert [(one["type"], one["version"]) for one in frames] == [
        ("welcome", 4),
        ("notification", 2),
        ("notification", 3),
        ("notification", 4),
        ("caught_up", 4),
    ]
    assert [one["item"]["title"] for one in frames[1:-1]] == ["two", "one", "three"]
    assert (live["type"], live["version"]) == ("notification", 5)


async def test_a_pusher_that_was_deaf_compares_heads(pusher: Pusher, writer: InboxWriter) -> None:
    async with pusher.feed("user-1") as one, pusher.feed("user-2") as two:
        await writer.store("user-1", ["silent"])
        await pusher.engine.gap_filler.reconcile()
        frame = await one.next()
        await writer.write("user-2", "heard")
        other = await two.next()

    assert (frame["version"], frame["item"]["title"]) == (1, "silent")
    assert (other["version"], other["item"]["title"]) == (1, "heard")


async def test_a_new_epoch_of_the_link_brings_a_check(
    pusher: Pusher, writer: InboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pusher.feed("user-1") as client:
        await writer.store("user-1", ["silent"])

        def another_epoch(_: AnnouncementSubscriber) -> tuple[int, int]:
            return 0, 1

        monkeypatch.setattr(AnnouncementSubscriber, "epoch", another_epoch)
        frame = await client.next()

    assert frame["item"]["title"] == "silent"


async def test_an_inbox_that_went_back_is_answered_by_a_reset(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        async with database.driver() as connection:
            await connection.execute("DELETE FROM notifications WHERE version = 2")
            await connection.execute("UPDATE inboxes SET version = 1, unread = 1")
        await pusher.engine.gap_filler.reconcile()
        frames = await client.until("caught_up")

    assert frames[0]["reset"] is True
    assert [one["version"] for one in frames] == [1, 1, 1]


async def test_a_bogus_version_does_not_stop_a_feed(pusher: Pusher, writer: InboxWriter) -> None:
    async with pusher.feed("user-1") as client:
        await writer.announce([FeedFrame("default/user-1", 10**9, b"{}")])
        feed = pusher.engine.hub.feeds["default/user-1"]
        await wait_until(lambda: feed.expected == 0, 5, "the gap given up")
        await writer.write("user-1", "one")
        assert (await client.next())["version"] == 1


async def test_two_pushers_on_one_bus_see_each_others_commands(
    bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, bus)
    async with (
        running_pusher(bus, database) as here,
        running_pusher(bus, database) as there,
        here.feed("user-1") as one,
        there.feed("user-1") as two,
    ):
        await writer.write("user-1", "first", "second")
        for client in (one, one, two, two):
            await client.until("notification")
        await one.send({"type": "read", "up_to": 2})
        changed = (await one.until("ok"))[0]
        assert await two.next() == changed
        assert (changed["version"], changed["unread"]) == (3, 0)
