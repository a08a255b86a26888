"""History restored from a backup: versions repeat with other content, and nobody misses any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from clarion.store.database import Database
from clarion.store.epoch import begin_epoch
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Frame, Pusher, token


async def restored(database: Database) -> None:
    """What `clarion migrate --restored` does."""
    async with database.driver() as tx:
        await begin_epoch(tx)


async def lose(database: Database, version: int, unread: int) -> None:
    """The database as it was when the only inbox was at this version."""
    async with database.driver() as tx:
        await tx.execute("DELETE FROM notifications WHERE version > $1", version)
        await tx.execute("UPDATE inboxes SET version = $1, unread = $2", version, unread)


def titles(frames: list[Frame]) -> list[str]:
    """Of the items that frames bring."""
    return [frame["item"]["title"] for frame in frames if frame["type"] == "notification"]


async def get(pusher: Pusher, path: str, **query: Any) -> Any:
    headers = {"authorization": f"Bearer {token('user-1')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http:
        response = await http.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_welcome_and_pages_tell_the_time_of_the_server_and_one_epoch(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "one")
    before = datetime.now(UTC)
    async with pusher.feed("user-1") as client:
        told = [client.past[0]]
    told += [await get(pusher, "/v1/inbox"), await get(pusher, "/v1/inbox/changes", since=0)]
    for one in told:
        assert one["time"].endswith("Z")
        assert timedelta() <= datetime.fromisoformat(one["time"]) - before < timedelta(minutes=1)
    assert len({one["epoch"] for one in told}) == 1
    assert told[0]["epoch"]


async def test_a_version_of_another_epoch_is_answered_by_a_reset(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "lost")
    async with pusher.feed("user-1") as client:
        epoch = client.past[0]["epoch"]
    await lose(database, 1, 1)
    await restored(database)
    await writer.write("user-1", "new")

    async with pusher.connect("user-1") as client:
        await client.hello(2, epoch=epoch)
        frames = await client.until("caught_up")
        await client.hello(2, epoch=frames[0]["epoch"])
        again = await client.until("caught_up")
        await client.hello(epoch=epoch)
        snapshot = await client.until("caught_up")
        await client.hello(1)
        unsaid = await client.until("caught_up")
    assert frames[0]["reset"] is True
    assert frames[0]["epoch"] != epoch
    assert sorted(titles(frames)) == ["new", "one"]
    assert "reset" not in again[0]
    assert titles(again) == []
    assert snapshot[0]["reset"] is True
    assert "reset" not in unsaid[0]
    assert titles(unsaid) == ["new"]


async def test_changes_of_another_epoch_are_a_snapshot_on_any_page(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "two", "lost")
    first = await get(pusher, "/v1/inbox/changes", since=0, limit=2)
    epoch, cursor = first["epoch"], first["next_cursor"]
    same = await get(pusher, "/v1/inbox/changes", since=0, limit=2, epoch=epoch, cursor=cursor)
    await lose(database, 2, 2)
    await restored(database)
    await writer.write("user-1", "new")

    further = await get(pusher, "/v1/inbox/changes", since=0, limit=2, cursor=cursor)
    begun = await get(pusher, "/v1/inbox/changes", since=3, epoch=epoch)
    bare = await get(pusher, "/v1/inbox/changes", since=2)
    assert [item["title"] for item in same["items"]] == ["lost"]
    assert (same["reset"], further["reset"], begun["reset"]) == (False, True, True)
    assert further["epoch"] == begun["epoch"] != epoch
    for page in (further, begun):
        assert sorted(item["title"] for item in page["items"]) == ["new", "one", "two"]
        assert (page["version"], page["next_cursor"]) == (3, None)
    assert (bare["reset"], [item["title"] for item in bare["items"]]) == (False, ["new"])
