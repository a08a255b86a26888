"""Snoozed items come back by themselves, once, unread, on every device."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Message
from clarion.errors import BusUnavailable
from clarion.store.database import Database
from clarion.topology import LIVE
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import InboxCommands
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.notifier import rows, running_notifiers, take_frames, wait_for_rows
from tests.support.pusher import Client, Frame, running_pusher


class Mute(MemoryBus):
    """Announces nothing while `mute`."""

    mute = True

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if self.mute and exchange == LIVE:
            raise BusUnavailable("Mute.")
        await super().publish(exchange, key, message, mandatory=mandatory)


async def snooze(database: Database, subscriber: str, **ahead: float) -> None:
    """Everything of this inbox, for so long."""
    until = datetime.now(UTC) + timedelta(**ahead)
    await InboxCommands(database).apply(
        InboxCommand(TENANT, subscriber, "snooze", up_to=1000, until=until)
    )


async def test_what_is_due_comes_back_unread_live_and_by_resume(
    memory_bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, memory_bus)
    await writer.write("user-1", "1", "2")
    await InboxCommands(database).apply(InboxCommand(TENANT, "user-1", "read", up_to=1))
    async with running_pusher(memory_bus, database) as pusher, pusher.feed("user-1") as live:
        until = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        await live.send({"type": "snooze", "up_to": 1000, "until": until, "ref": 1})
        await live.until("ok")
        async with running_notifiers(memory_bus, database, count=2):
            frames = [frame async for frame in woken(live, 2)]
        async with pusher.feed("user-1", since=3) as resumed:
            replayed = resumed.past[1:-1]
    assert [(one["version"], one["unread"], one["item"]["title"]) for one in frames] == [
        (5, 1, "1"),
        (6, 2, "2"),
    ]
    for frame in frames:
        item = frame["item"]
        assert (item["seen_at"], item["read_at"], item["snoozed_until"]) == (None, None, None)
    assert [one["item"] for one in replayed] == [one["item"] for one in frames]
    assert await rows(database, "SELECT version, unread FROM inboxes") == [
        {"version": 6, "unread": 2}
    ]


async def woken(client: Client, count: int) -> AsyncIterator[Frame]:
    """The next `notification` frames."""
    while count:
        frame = await client.next()
        if frame["type"] == "notification":
            count -= 1
            yield frame


async def test_many_of_many_come_back_once_each_over_two_notifiers(
    memory_bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, memory_bus)
    people = [f"s{n}" for n in range(30)]
    for person in people:
        await writer.store(person, [str(n) for n in range(40)])
        await snooze(database, person, seconds=0.1)
    live = memory_bus.listen(["0"])
    async with running_notifiers(memory_bus, database, count=2):
        frames = await take_frames(live, len(people) * 40)
        await wait_for_rows(
            database, "SELECT 1 FROM notifications WHERE due_at IS NULL", len(people) * 40
        )
    told = sorted((feed, version) for feed, version, _ in frames)
    assert told == sorted((f"{TENANT}/{one}", v) for one in people for v in range(42, 82))
    assert all(frame["unread"] == version - 41 for _, version, frame in frames)
    inboxes = await rows(database, "SELECT version, unread FROM inboxes")
    assert inboxes == [{"version": 81, "unread": 40}] * len(people)


async def test_a_crash_before_the_announcement_announces_again(database: Database) -> None:
    bus = Mute()
    await bus.start()
    await InboxWriter(database, bus).store("user-1", ["1"])
    await snooze(database, "user-1", seconds=0.1)
    async with running_notifiers(bus, database):
        await wait_for_rows(
            database, "SELECT 1 FROM notifications WHERE snoozed_until IS NULL AND version = 3", 1
        )
    bus.mute = False
    live = bus.listen(["0"])
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET due_at = now()")
    async with running_notifiers(bus, database):
        ((feed, version, frame),) = await take_frames(live, 1)
        await wait_for_rows(database, "SELECT 1 FROM notifications WHERE due_at IS NULL", 1)
    assert (feed, version, frame["type"]) == (f"{TENANT}/user-1", 3, "notification")
    await bus.close()


async def test_what_was_snoozed_again_before_the_confirm_is_not_forgotten(
    memory_bus: Bus, database: Database
) -> None:
    await InboxWriter(database, memory_bus).store("user-1", ["1"])
    await snooze(database, "user-1", hours=1)
    async with running_notifiers(memory_bus, database):
        async with database.driver() as tx:
            await tx.execute("UPDATE notifications SET due_at = now()")
        await wait_for_rows(database, "SELECT 1 FROM notifications WHERE version = 3", 1)
        await snooze(database, "user-1", seconds=0.2)
        await wait_for_rows(database, "SELECT 1 FROM notifications WHERE version = 5", 1)


async def test_an_inbox_that_is_busy_is_left_for_the_next_round(
    memory_bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, memory_bus)
    await writer.store("busy", ["1"])
    await writer.store("free", ["1"])
    for person in ("busy", "free"):
        await snooze(database, person, seconds=0.1)
    awake = "SELECT subscriber FROM notifications WHERE snoozed_until IS NULL"
    async with running_notifiers(memory_bus, database):
        async with database.driver() as tx:
            await tx.execute("SELECT 1 FROM inboxes WHERE subscriber = 'busy' FOR UPDATE")
            assert await wait_for_rows(database, awake, 1) == [{"subscriber": "free"}]
        await wait_for_rows(database, awake, 2)
