"""The live feed end to end: snapshot, resume, live frames, two devices."""

from __future__ import annotations

from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher


async def test_an_unknown_subscriber_has_an_empty_inbox(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.hello(ref="h")
        welcome, caught_up = await client.until("caught_up")

    assert welcome == {
        "type": "welcome",
        "version": 0,
        "unread": 0,
        "session": welcome["session"],
        "epoch": welcome["epoch"],
        "time": welcome["time"],
        "heartbeat_s": 25,
        "ref": "h",
    }
    assert caught_up == {"type": "caught_up", "version": 0}


async def test_a_snapshot_then_live_frames(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("user-1", "one", "two", data={"n": 1.50, "text": "ü"})
    async with pusher.feed("user-1") as client:
        first = client.past[1]
        assert [one["type"] for one in client.past] == [
            "welcome",
            "notification",
            "notification",
            "caught_up",
        ]
        assert [one["version"] for one in client.past] == [2, 1, 2, 2]
        assert {one["unread"] for one in client.past[:3]} == {2}
        frame = (await writer.write("user-1", "three", data=[1]))[0]
        live = await client.next()

    assert first["item"] == {
        "id": first["item"]["id"],
        "event_id": first["item"]["event_id"],
        "type": "test.happened",
        "category": None,
        "title": "one",
        "body": None,
        "url": None,
        "data": {"n": 1.5, "text": "ü"},
        "lane": "normal",
        "version": 1,
        "entered": 1,
        "created_at": first["item"]["created_at"],
        "seen_at": None,
        "read_at": None,
        "archived_at": None,
        "snoozed_until": None,
        "image": None,
        "actor": None,
    }
    assert (live["version"], live["unread"], live["item"]["title"]) == (3, 3, "three")
    assert frame.version == 3


async def test_two_devices_see_each_others_commands(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("user-1", "one", "two", "three")
    async with pusher.feed("user-1") as phone, pusher.feed("user-1") as laptop:
        ids = [one["item"]["id"] for one in phone.past[1:4]]
        await phone.send({"type": "read", "ids": ids[:2], "ref": 7})
        at_phone = await phone.until("ok")
        at_laptop = await laptop.next()

        assert [one["type"] for one in at_phone] == ["changed", "ok"]
        assert at_phone[1] == {"type": "ok", "ref": 7}
        assert at_laptop == at_phone[0]
        assert (at_laptop["version"], at_laptop["unread"]) == (4, 1)
        assert [one["id"] for one in at_laptop["items"]] == ids[:2]
        assert all(one["read_at"] and one["seen_at"] for one in at_laptop["items"])
        assert {one["version"] for one in at_laptop["items"]} == {4}

        await laptop.send({"type": "unread", "ids": ids[:1]})
        assert (await laptop.until("ok"))[0]["unread"] == 2
        assert (await phone.next())["items"][0]["read_at"] is None

        await laptop.send({"type": "archive", "ids": ids[2:]})
        await laptop.until("ok")
        changed = await phone.next()
        assert (changed["version"], changed["unread"]) == (6, 1)
        assert [one["id"] for one in changed["items"]] == ids[2:]


async def test_a_command_that_changes_nothing_takes_no_version(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1") as client:
        await client.send({"type": "read", "up_to": 1, "ref": 1})
        await client.until("ok")
        await client.send({"type": "read", "up_to": 5, "ref": 2})
        assert await client.next() == {"type": "ok", "ref": 2}


async def test_resume_gives_what_changed_and_no_more(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("user-1", "one", "two", "three")
    async with pusher.feed("user-1") as client:
        first = client.past[1]["item"]["id"]
        await client.send({"type": "read", "ids": [first]})
        await client.until("ok")
    async with pusher.feed("user-1", since=2) as client:
        replay = client.past

    assert [one["version"] for one in replay] == [4, 3, 4, 4]
    assert [one["item"]["title"] for one in replay[1:3]] == ["three", "one"]
    assert replay[2]["item"]["read_at"] is not None
    assert replay[0]["unread"] == 2


async def test_since_beyond_the_inbox_is_answered_by_a_snapshot(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1", since=99) as client:
        assert client.past[0]["reset"] is True
        assert [one["version"] for one in client.past] == [1, 1, 1]


async def test_items_that_share_a_version_share_one_cursor(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", *(str(n) for n in range(700)))
    async with pusher.feed("user-1", since=0) as client:
        ids = [one["item"]["id"] for one in client.past[1:601]]
        await client.send({"type": "read", "ids": ids})
        await client.until("ok")
    async with pusher.feed("user-1", since=0) as client:
        versions = [one["version"] for one in client.past[1:-1]]
        items = [one["item"]["version"] for one in client.past[1:-1]]

    assert versions == [*range(601, 701), *[700] * 599, 701]
    assert items == [*range(601, 701), *[701] * 600]


async def test_the_snapshot_is_the_newest_fifty_not_archived(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", *(str(n) for n in range(60)))
    async with pusher.feed("user-1", since=60) as client:
        await client.send({"type": "archive", "up_to": 5})
        await client.until("ok")
        await client.send({"type": "read", "up_to": 15})
        await client.until("ok")
    async with pusher.feed("user-1") as client:
        frames = client.past[1:-1]

    assert sorted(int(one["item"]["title"]) for one in frames) == list(range(10, 60))
    versions = [one["item"]["version"] for one in frames]
    assert versions == sorted(versions)
    assert client.past[0]["version"] == client.past[-1]["version"] == 62


async def test_hello_may_come_again_at_any_time(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        await client.hello(since=1)
        await client.hello(since=2)
        frames = await client.until("caught_up") + await client.until("caught_up")
        await writer.write("user-1", "three")
        live = await client.next()

    assert [(one["type"], one["version"]) for one in frames] == [
        ("welcome", 2),
        ("notification", 2),
        ("caught_up", 2),
        ("welcome", 2),
        ("caught_up", 2),
    ]
    assert live["version"] == 3
