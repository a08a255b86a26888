"""History restored from a backup: versions repeat with other content, and nobody misses any."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY

from clarion.bus import Bus
from clarion.contracts.announcement import FeedFrame
from clarion.records.epoch import Epoch, begin_epoch, read_epoch
from clarion.store.database import Database
from services.pusher.inbox.history import FeedPage as HistoryPage
from services.pusher.inbox.history import FeedPosition
from testbed.processes import wait_until
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Frame, Pusher, running_pusher, token


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


async def epoch_in(database: Database) -> str:
    async with database.driver() as tx:
        return (await read_epoch(tx)).value


async def test_sessions_of_every_pusher_are_reset_after_a_restore(
    bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, bus)
    await writer.write("user-1", "one", "two", "lost")
    async with (
        running_pusher(bus, database) as here,
        running_pusher(bus, database) as there,
        here.feed("user-1") as one,
        there.feed("user-1") as two,
        there.feed("user-2") as other,
    ):
        await lose(database, 2, 2)
        await writer.store("user-1", ["new"])  # the version that was lost, with other content
        await restored(database)
        for client in (one, two):
            frames = await client.until("caught_up")
            assert frames[0]["reset"] is True
            assert frames[0]["epoch"] == await epoch_in(database)
            assert sorted(titles(frames)) == ["new", "one", "two"]
        assert (await other.until("caught_up"))[0]["reset"] is True
        await writer.write("user-1", "live")
        assert titles([await one.next(), await two.next()]) == ["live", "live"]


@pytest.mark.parametrize("found_by", ["check", "gap", "hello", "command", "stale frame"])
async def test_an_inbox_behind_what_was_passed_on_ends_the_epoch_for_all(
    pusher: Pusher, writer: InboxWriter, database: Database, found_by: str
) -> None:
    await writer.write("user-1", "one", "two", "lost", "lost too")
    async with pusher.feed("user-1") as client, pusher.feed("user-2") as other:
        before = client.past[0]["epoch"]
        await lose(database, 2, 2)
        match found_by:
            case "check":
                await pusher.engine.gap_filler.reconcile()
            case "gap":
                await writer.announce([FeedFrame("default/user-1", 9, b"{}")])
            case "hello":
                async with pusher.feed("user-1", since=4):
                    pass
            case "command":
                await client.send({"type": "read", "up_to": 1})
            case _:
                await writer.write("user-1", "new")
        frames = [one for one in await client.until("caught_up") if one["type"] != "ok"]
        others = await other.until("caught_up")
        after = await epoch_in(database)
    assert frames[0]["reset"] is others[0]["reset"] is True
    assert before != frames[0]["epoch"] == others[0]["epoch"] == after
    assert {"one", "two"} <= set(titles(frames)) <= {"one", "two", "new"}


async def test_what_a_client_claims_ends_no_epoch(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1") as listening:
        epoch = listening.past[0]["epoch"]
        async with pusher.connect("user-1") as client:
            for since, claimed in [(10**9, epoch), (10**9, None), (0, "another"), (1, "")]:
                await client.hello(since, epoch=claimed)
                assert (await client.until("caught_up"))[0]["reset"] is True
                await client.send({"type": "ack", "version": 10**9, "ref": 1})
                await client.until("ok")
        await get(pusher, "/v1/inbox/changes", since=10**9, epoch="another")
        await pusher.engine.receipts.flush()
        await pusher.engine.gap_filler.reconcile()
        await pusher.engine.epochs.read()
        await writer.write("user-1", "two")
        assert titles([await listening.next()]) == ["two"]
    assert await epoch_in(database) == epoch


async def replaced(database: Database, loss: int) -> None:
    """Another server behind the address, as far as a pusher can see: the table is another."""
    async with database.driver() as tx:
        await tx.execute("CREATE TABLE other (LIKE inboxes INCLUDING ALL)")
        await tx.execute("INSERT INTO other SELECT * FROM inboxes")
        await tx.execute("DROP TABLE inboxes")
        await tx.execute("ALTER TABLE other RENAME TO inboxes")
        await tx.execute("UPDATE inboxes SET version = version - $1", loss)


async def test_a_failover_that_lost_nothing_resets_nobody(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        await pusher.engine.epochs.read()
        heads = reads_of("heads")
        await replaced(database, 0)
        await wait_until(lambda: reads_of("heads") > heads, 10, "a comparison of heads")
        await writer.write("user-1", "three")
        assert titles([await client.next()]) == ["three"]


async def test_a_failover_that_lost_something_is_found_at_once(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        await pusher.engine.epochs.read()
        await replaced(database, 1)
        frames = await client.until("caught_up")
    assert (frames[0]["reset"], frames[0]["version"]) == (True, 1)


async def test_a_restore_by_pg_restore_under_the_pusher_is_found_at_once(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    """Tables first, then rows, keys last: no row `epoch` is there for a while, and none can be
    made. That may not make the pusher forget which tables it had before."""
    await writer.write("user-1", "one", "two")
    async with database.driver() as tx:
        backup = await read_epoch(tx)
    epochs, failed = pusher.engine.epochs, asyncio.Event()
    read = epochs.read

    async def observed() -> Epoch:
        try:
            return await read()
        except Exception:
            failed.set()
            raise

    async with pusher.feed("user-1") as client:
        await epochs.read()
        epochs.read = observed  # type: ignore[method-assign]
        async with database.driver() as tx:
            await tx.execute("ALTER TABLE epoch DROP CONSTRAINT pk_epoch")
            await tx.execute("DELETE FROM epoch")
        async with asyncio.timeout(10):
            await failed.wait()
        async with database.driver() as tx:
            await tx.execute(
                "INSERT INTO epoch VALUES (1, $1, $2, 1)", backup.value, backup.began_at
            )
            await tx.execute("ALTER TABLE epoch ADD CONSTRAINT pk_epoch PRIMARY KEY (id)")
        await replaced(database, 1)
        frames = await client.until("caught_up")
    assert (frames[0]["reset"], frames[0]["version"]) == (True, 1)
    assert frames[0]["epoch"] != backup.value


def reads_of(kind: str) -> float:
    return REGISTRY.get_sample_value("clarion_live_reads_total", {"kind": kind}) or 0


async def test_an_epoch_that_comes_back_from_a_backup_is_ended_too(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one")
    async with database.driver() as tx:
        backup = await read_epoch(tx)
    await restored(database)
    async with pusher.feed("user-1") as client:
        await pusher.engine.epochs.read()
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE epoch SET value = $1, began_at = $2", backup.value, backup.began_at
            )
        frames = await client.until("caught_up")
    assert frames[0]["reset"] is True
    assert frames[0]["epoch"] not in (backup.value, client.past[0]["epoch"])
    assert await epoch_in(database) == frames[0]["epoch"]


async def test_an_epoch_begun_by_a_clock_that_is_behind_is_ended_once_however_many_pushers(
    memory_bus: Bus, database: Database
) -> None:
    async with database.driver() as tx:
        await tx.execute("UPDATE epoch SET began_at = now() + interval '1 year'")
    async with (
        running_pusher(memory_bus, database) as here,
        running_pusher(memory_bus, database) as there,
    ):
        pushers = (here, there)
        for one in pushers:
            await one.engine.epochs.read()
        changed = epoch_changes()
        async with database.driver() as tx:
            await tx.execute("UPDATE epoch SET began_at = now() - interval '1 year'")
            await begin_epoch(tx)
        for one in (*pushers, *pushers):
            assert (await one.engine.epochs.read()).value == await epoch_in(database)
        assert epoch_changes() - changed == len(pushers)


def epoch_changes() -> float:
    return REGISTRY.get_sample_value("clarion_live_epochs_total") or 0


async def test_a_restore_in_the_middle_of_a_replay_begins_it_anew(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", *(str(n) for n in range(600)))
    history, read = pusher.engine.history, asyncio.Event()
    after = history.after

    async def restored_after_the_first_page(position: FeedPosition) -> HistoryPage:
        page = await after(position)
        if not read.is_set():
            read.set()
            await restored(database)
        return page

    history.after = restored_after_the_first_page  # type: ignore[method-assign]
    async with pusher.connect("user-1") as client:
        await client.hello(0)
        frames = await client.until("caught_up")
        await writer.write("user-1", "live")
        assert titles([await client.next()]) == ["live"]
    last = max(n for n, frame in enumerate(frames) if frame["type"] == "welcome")
    assert last == 0 or frames[last]["reset"] is True
    assert frames[last]["epoch"] == await epoch_in(database)
    assert len(set(titles(frames[last:]))) == len(titles(frames[last:])) > 0


async def test_a_row_that_was_lost_is_made_again(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1") as client:
        async with database.driver() as tx:
            await tx.execute("DELETE FROM epoch")
        frames = await client.until("caught_up")
    assert (frames[0]["reset"], titles(frames)) == (True, ["one"])
    assert frames[0]["epoch"] not in ("", client.past[0]["epoch"])
