"""What the store knows of what sessions were given and acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from clarion.bus import Bus
from clarion.contracts.ids import lowest_id_at
from clarion.store.database import Database
from services.pusher.feed.feed import Feed
from services.pusher.session import receipts
from services.pusher.session.session_state import SessionState
from testbed.processes import wait_until
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher

Row = tuple[str, str, str, int, int]


async def rows(database: Database) -> list[Row]:
    async with database.driver() as connection:
        found = await connection.fetch("SELECT * FROM receipts ORDER BY session")
    names = ("tenant", "subscriber", "written", "acknowledged")
    return [(str(row["session"]), *(row[name] for name in names)) for row in found]


async def acknowledge(client: Any, version: int) -> None:
    await client.send({"type": "ack", "version": version, "ref": version})
    assert (await client.until("ok"))[-1]["ref"] == version


async def test_what_was_acknowledged_is_kept_with_its_session(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one", "two", "three")
    async with pusher.feed("user-1") as client, pusher.feed("user-1") as silent:
        session, other = client.past[0]["session"], silent.past[0]["session"]
        await acknowledge(client, 2)
        await pusher.engine.receipts.flush()
        assert await rows(database) == [(session, "default", "user-1", 3, 2)]
        await acknowledge(client, 1)
        await acknowledge(client, 3)
        await pusher.engine.receipts.flush()
        assert await rows(database) == [(session, "default", "user-1", 3, 3)]
    await wait_until(lambda: not pusher.engine.sessions, 5, "closed sessions")
    await pusher.engine.receipts.flush()
    assert await rows(database) == sorted(
        [(session, "default", "user-1", 3, 3), (other, "default", "user-1", 3, 0)]
    )


async def test_what_a_session_was_given_is_kept_though_it_tells_nothing(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1") as client:
        pusher.engine.receipts.sweep()
        await pusher.engine.receipts.flush()
        assert [row[3:] for row in await rows(database)] == [(1, 0)]
        pusher.engine.receipts.sweep()
        await writer.write("user-1", "two")
        await client.until("notification")
        pusher.engine.receipts.sweep()
        await pusher.engine.receipts.flush()
        assert [row[3:] for row in await rows(database)] == [(2, 0)]


async def test_nobody_acknowledges_what_was_not_written(
    pusher: Pusher, writer: InboxWriter, database: Database
) -> None:
    await writer.write("user-1", "one")
    async with pusher.feed("user-1") as client:
        await acknowledge(client, 2**53 - 1)
        await pusher.engine.receipts.flush()
        assert [row[3:] for row in await rows(database)] == [(1, 1)]
        await client.send({"type": "ack", "version": -1, "ref": "x"})
        error = (await client.until("error"))[-1]
        assert (error["code"], error["ref"]) == ("invalid", "x")


async def test_a_frame_without_token_acknowledges_nothing(
    pusher: Pusher, database: Database
) -> None:
    async with pusher.connect() as client:
        await client.send({"type": "ack", "version": 1})
        assert await client.closed() == (4401, "token_missing")
    assert await rows(database) == []


async def test_a_pusher_that_stops_writes_what_is_left(
    memory_bus: Bus, database: Database, writer: InboxWriter
) -> None:
    await writer.write("user-1", "one")
    async with running_pusher(memory_bus, database) as pusher, pusher.feed("user-1") as client:
        session = client.past[0]["session"]
    assert await rows(database) == [(session, "default", "user-1", 1, 0)]


async def test_a_thousand_sessions_are_a_few_statements(pusher: Pusher, database: Database) -> None:
    feed = Feed("acme", "ada", lambda _: None)
    for number in range(receipts.BATCH + 5):
        reader = _Reader(str(UUID(int=number + 1)), feed)
        pusher.engine.receipts.acknowledge(reader, 4)
    await pusher.engine.receipts.flush()
    found = await rows(database)
    assert len(found) == receipts.BATCH + 5
    assert {row[1:] for row in found} == {("acme", "ada", 7, 4)}


async def test_old_receipts_are_deleted(pusher: Pusher, database: Database) -> None:
    now = datetime.now(UTC)
    sessions = [lowest_id_at(now - timedelta(days=days)) for days in (40, 31, 29, 0)]
    async with database.driver() as connection:
        await connection.execute(
            "INSERT INTO receipts (session, tenant, subscriber, written, acknowledged) "
            "SELECT session, 'acme', 'ada', 1, 1 FROM unnest($1::uuid[]) AS s(session)",
            sessions,
        )
    await pusher.engine.receipts.trim_before(now - receipts.RETENTION)
    assert [row[0] for row in await rows(database)] == [str(one) for one in sessions[2:]]


class _Reader(SessionState):
    def __init__(self, name: str, feed: Feed) -> None:
        super().__init__()
        self.id = name
        self.feed = feed
        self.version = 7
