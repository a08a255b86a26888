"""A client at random against a real pusher: after every catch-up it shows what the server has.

Items come, are read, archived and snoozed by this device and by others; announcements are lost,
late, repeated and out of order; the client breaks its connection and comes back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from clarion.bus import open_bus
from clarion.contracts.announcement import FeedFrame
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import InboxCommands
from testbed.postgres import Databases
from tests.support.held_items import Held, carry_out
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.machines import Machine, run_machine
from tests.support.pusher import Client, Frame, Pusher, running_pusher

Shown = tuple[bool, bool, bool]
"""Whether an item is seen, read, snoozed."""

ITEMS = """
SELECT id::text AS id, seen_at IS NOT NULL AS seen, read_at IS NOT NULL AS read,
       snoozed_until IS NOT NULL AS snoozed
FROM notifications WHERE subscriber = $1 AND archived_at IS NULL AND version IS NOT NULL
"""
HEAD = "SELECT version, unread FROM inboxes WHERE subscriber = $1"
RECOUNT = """
SELECT count(n.id) AS counted, coalesce(max(i.unread), 0) AS unread
FROM inboxes i LEFT JOIN notifications n ON n.tenant = i.tenant AND n.subscriber = i.subscriber
  AND n.version IS NOT NULL AND n.read_at IS NULL AND n.archived_at IS NULL
  AND n.snoozed_until IS NULL
WHERE i.subscriber = $1
"""
FALL_DUE = """
UPDATE notifications SET due_at = now() WHERE subscriber = $1 AND snoozed_until IS NOT NULL
"""
IDS = "SELECT id FROM notifications WHERE subscriber = $1 AND version IS NOT NULL ORDER BY id"

subscribers = count()
verbs = st.sampled_from(["read", "unread", "seen", "archive", "unarchive", "snooze"])
fates = st.sampled_from(["announced", "lost", "late"])


class Device:
    """What a client keeps, by the frames that it handled."""

    def __init__(self) -> None:
        self.items: Held = {}
        self.version = 0
        self.unread = 0
        self.caught_up = False

    def handle(self, frame: Frame) -> None:
        """As the protocol says: live versions are contiguous, those of a replay only grow."""
        kind = frame["type"]
        if kind == "welcome":
            self.caught_up = False
            assert not frame.get("reset")
            if frame.get("ref") is not None:  # our hello: what was under way comes again
                self.version = frame["ref"]
        elif kind == "caught_up":
            self.caught_up = True
        if kind in ("notification", "changed"):
            step = frame["version"] - self.version
            assert step == 1 if self.caught_up else step >= 0, (self.version, frame)
        if kind in ("notification", "changed", "caught_up"):
            self.version = frame["version"]
        if kind == "notification":
            self._keep(frame["item"])
        if frame.get("verb"):
            carry_out(self.items, frame)
            for item in [one for one in self.items.values() if one["archived_at"]]:
                self._keep(item)
        for item in frame.get("items", ()):
            if item["id"] in self.items or "title" in item:
                self._keep(item)
        self.unread = frame.get("unread", self.unread)

    def _keep(self, item: dict[str, Any]) -> None:
        if item["archived_at"] is not None:
            self.items.pop(item["id"], None)
        else:
            self.items[item["id"]] = self.items.get(item["id"], {}) | item

    def shown(self) -> dict[str, Shown]:
        names = ("seen_at", "read_at", "snoozed_until")
        return {
            identifier: cast("Shown", tuple(item[name] is not None for name in names))
            for identifier, item in self.items.items()
        }


class ResumeMachine(Machine):
    """One subscriber with this device and others."""

    pusher: Pusher
    writer: InboxWriter
    commands: InboxCommands

    @classmethod
    async def open(cls) -> None:
        bus = open_bus(["memory://"], publish_timeout_s=5)
        await bus.start()
        cls.around.push_async_callback(bus.close)
        cls.writer = InboxWriter(cls.database, bus)
        cls.commands = InboxCommands(cls.database)
        cls.pusher = await cls.around.enter_async_context(
            running_pusher(bus, cls.database, max_frames_per_minute=100_000, shutdown_timeout_s=0.5)
        )

    @initialize()
    def begin(self) -> None:
        self.name = f"user-{next(subscribers)}"
        self.device = Device()
        self.late: list[FeedFrame] = []
        self.client: Client | None = None
        self.connection = AsyncExitStack()

    @rule(number=st.integers(1, 3), fate=fates)
    def items_come(self, number: int, fate: str) -> None:
        self.do(self._write(number, fate))

    @rule(order=st.randoms(use_true_random=False))
    def late_announcements_come_twice_and_in_any_order(self, order: Any) -> None:
        frames = self.late * 2
        order.shuffle(frames)
        self.late = []
        for one in frames:
            self.do(self.writer.announce([one]))

    @rule(verb=verbs, data=st.data(), heard=st.booleans())
    def another_device_acts(self, verb: Any, data: st.DataObject, heard: bool) -> None:
        ids = self.do(self._ids())
        chosen = data.draw(st.lists(st.sampled_from(ids), max_size=3)) if ids else []
        self.do(self._act(verb, chosen, heard))

    @precondition(lambda self: self.client is not None)
    @rule(verb=verbs, data=st.data())
    def this_device_acts(self, verb: str, data: st.DataObject) -> None:
        up_to = data.draw(st.integers(0, self.device.version + 1))
        self.do(self._command(verb, up_to))

    @rule(announced=st.booleans())
    def snoozed_items_come_back(self, announced: bool) -> None:
        self.do(self._wake(announced))

    @precondition(lambda self: self.client is None)
    @rule()
    def connect(self) -> None:
        self.do(self._connect())

    @precondition(lambda self: self.client is not None)
    @rule(frames=st.integers(0, 3))
    def break_off(self, frames: int) -> None:
        """Some frames were handled before, perhaps in the middle of a replay."""
        self.do(self._break_off(frames))

    @precondition(lambda self: self.client is not None)
    @rule()
    def say_hello_again(self) -> None:
        self.do(self._hello())

    @precondition(lambda self: self.client is not None)
    @rule()
    def catch_up(self) -> None:
        self.do(self._catch_up())

    @invariant()
    def the_unread_count_is_that_of_the_items(self) -> None:
        if hasattr(self, "name"):
            self.do(self._recount())

    def teardown(self) -> None:
        if hasattr(self, "name"):
            self.do(self._finish())

    async def _write(self, number: int, fate: str) -> None:
        frames = await self.writer.store(self.name, [f"{n}" for n in range(number)])
        if fate == "announced":
            await self.writer.announce(frames)
        elif fate == "late":
            self.late += frames

    async def _act(self, verb: Any, chosen: list[UUID], heard: bool) -> None:
        until = _tomorrow() if verb == "snooze" else None
        make = self.pusher.engine.commands.apply_and_announce if heard else self.commands.apply
        await make(InboxCommand(TENANT, self.name, verb, ids=tuple(chosen), until=until))

    async def _command(self, verb: str, up_to: int) -> None:
        """What was under way before the answer is handled first: none of it runs on by itself."""
        until = {"until": _tomorrow().isoformat()} if verb == "snooze" else {}
        assert self.client is not None
        await self.client.send({"type": verb, "up_to": up_to, "ref": verb} | until)
        while (frame := await self.client.next())["type"] != "ok":
            assert frame["type"] != "error", frame
            self.device.handle(frame)

    async def _wake(self, announced: bool) -> None:
        async with self.database.driver() as tx:
            await tx.execute(FALL_DUE, self.name)
            woken = await unsnooze_due(tx, Portion(100))
        if announced:
            await self.writer.announce(woken.frames)

    async def _connect(self) -> None:
        self.client = await self.connection.enter_async_context(self.pusher.connect(self.name))
        await self._hello()

    async def _hello(self) -> None:
        assert self.client is not None
        await self.client.hello(since=self.device.version, ref=self.device.version)

    async def _break_off(self, frames: int) -> None:
        assert self.client is not None
        # a hello is answered by two frames at least, and handled frames are never given back
        for _ in range(frames if not self.device.caught_up else 0):
            frame = await self.client.next()
            self.device.handle(frame)
            if frame["type"] == "caught_up":
                break
        self.client.connection.transport.abort()
        await self.connection.aclose()
        self.client, self.device.caught_up = None, False

    async def _catch_up(self) -> None:
        assert self.client is not None
        await self.client.send({"type": "ping", "ref": "all"})  # what was sent before is done
        while (frame := await self.client.next())["type"] != "pong":
            self.device.handle(frame)
        while not self.device.caught_up:
            self.device.handle(await self.client.next())
        await self.pusher.engine.gap_filler.reconcile()
        version, unread = await self._head()
        while self.device.version < version or not self.device.caught_up:
            self.device.handle(await self.client.next())
        async with self.database.driver() as tx:
            rows = await tx.fetch(ITEMS, self.name)
        kept = {row["id"]: (row["seen"], row["read"], row["snoozed"]) for row in rows}
        assert (self.device.version, self.device.unread) == (version, unread)
        assert self.device.shown() == kept

    async def _finish(self) -> None:
        if self.client is None:
            await self._connect()
        await self._catch_up()
        await self.connection.aclose()

    async def _head(self) -> tuple[int, int]:
        async with self.database.driver() as tx:
            row = await tx.fetchrow(HEAD, self.name)
        return (row["version"], row["unread"]) if row is not None else (0, 0)

    async def _recount(self) -> None:
        async with self.database.driver() as tx:
            row = await tx.fetchrow(RECOUNT, self.name)
        assert row is not None
        assert row["counted"] == row["unread"]

    async def _ids(self) -> list[UUID]:
        async with self.database.driver() as tx:
            return [UUID(str(row["id"])) for row in await tx.fetch(IDS, self.name)]


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_after_every_catch_up_a_client_shows_what_the_server_has(databases: Databases) -> None:
    run_machine(ResumeMachine, databases, examples=30, steps=30)
