"""Commands on all items as one entry each, against a model that updates every item by `entered`.

Whatever the order of arrivals, commands, snoozes and resumes: states, times and counts are those
of the model in the store, for a client that listens, one that resumes and one that asks.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from services.pusher.inbox.change import Outcome
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.inbox.up_to import is_one_entry
from tests.support.held_items import Holder
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import Client, Pusher, running_pusher, token

PERSON = "user-1"
VERBS: tuple[Verb, ...] = ("read", "unread", "seen", "archive", "unarchive", "snooze")
STEPS = 40
FALL_DUE = "UPDATE notifications SET due_at = now() WHERE snoozed_until IS NOT NULL"
TIMES = """
SELECT version, at FROM inbox_commands
UNION SELECT (c ->> 'version')::bigint, (c ->> 'at')::timestamptz
FROM notifications n, jsonb_array_elements(n.changes) c
"""
HEAD = "SELECT version, unread FROM inboxes"


class Modelled:
    """One item; a time is the version of the command that set it."""

    def __init__(self, version: int, category: str | None) -> None:
        self.version = self.entered = version
        self.category = category
        self.seen: int | None = None
        self.read: int | None = None
        self.archived: int | None = None
        self.until: datetime | None = None

    @property
    def is_unread(self) -> bool:
        return self.read is None and self.archived is None and self.until is None

    def concerns(self, verb: Verb, until: datetime | None) -> bool:
        match verb:
            case "read":
                return self.read is None
            case "unread":
                return self.read is not None
            case "seen":
                return self.seen is None
            case "archive":
                return self.archived is None
            case "unarchive":
                return self.archived is not None
            case "snooze":
                return self.archived is None and self.until != until

    def change(self, verb: Verb, until: datetime | None, at: int) -> None:
        match verb:
            case "read":
                self.read, self.seen = at, self.seen or at
            case "unread":
                self.read = None
            case "seen":
                self.seen = at
            case "archive":
                self.archived, self.until = at, None
            case "unarchive":
                self.archived = None
            case "snooze":
                self.until = until


class Model:
    """An inbox whose commands change every item."""

    def __init__(self) -> None:
        self.items: dict[UUID, Modelled] = {}
        self.version = 0

    @property
    def unread(self) -> int:
        return sum(item.is_unread for item in self.items.values())

    def arrive(self, identifier: UUID, category: str | None) -> None:
        self.version += 1
        self.items[identifier] = Modelled(self.version, category)

    def wake(self, limit: int) -> None:
        """The first of the snoozed items return."""
        asleep = sorted(one for one, item in self.items.items() if item.until is not None)
        for identifier in asleep[:limit]:
            self.version += 1
            item = self.items[identifier]
            item.version = item.entered = self.version
            item.seen = item.read = item.until = None

    def apply(self, command: InboxCommand) -> None:
        chosen = list(command.ids or self._covered(command))
        size = len(chosen) if is_one_entry(command) else command.limit
        for start in range(0, len(chosen), max(1, size)):
            some = [self.items[one] for one in chosen[start : start + size]]
            changed = [one for one in some if one.concerns(command.verb, command.until)]
            self.version += bool(changed)
            for item in changed:
                item.change(command.verb, command.until, self.version)
                item.version = item.version if is_one_entry(command) else self.version

    def _covered(self, command: InboxCommand) -> list[UUID]:
        """In the order of steps, before the first of them."""
        found = [
            (item.version, identifier)
            for identifier, item in self.items.items()
            if item.entered <= min(command.up_to or 0, self.version)
            and command.category in (None, item.category)
            and item.concerns(command.verb, command.until)
        ]
        return [identifier for _, identifier in sorted(found)]


class Scene:
    """An inbox, its model, and three clients."""

    def __init__(self, pusher: Pusher, writer: InboxWriter, seed: int) -> None:
        self.pusher = pusher
        self.writer = writer
        self.choice = random.Random(seed)
        self.model = Model()
        self.listening, self.resuming, self.polling = Holder(), Holder(), Holder()

    async def act(self) -> None:
        """One step at random, of which the clients may or may not hear."""
        kind = self.choice.random()
        if kind < 0.25:
            await self.arrive()
        elif kind < 0.32:
            await self.wake()
        else:
            await self.command()

    async def arrive(self) -> None:
        category = self.choice.choice([None, "a", "b"])
        titles = ["one"] * self.choice.randint(1, 3)
        frames = await self.writer.store(PERSON, titles, category=category)
        async with self.writer.database.driver() as tx:
            rows = await tx.fetch("SELECT id FROM notifications ORDER BY version, id")
        known = self.model.items
        for row in rows:
            if row["id"] not in known:
                self.model.arrive(row["id"], category)
        if self.choice.random() < 0.7:
            await self.writer.announce(frames)

    async def wake(self) -> None:
        limit = self.choice.randint(1, 3)
        async with self.writer.database.driver() as tx:
            await tx.execute(FALL_DUE)
            returned = await unsnooze_due(tx, Portion(limit))
        self.model.wake(limit)
        await self.writer.announce(returned.frames)

    async def command(self) -> None:
        command = self._any_command()
        executor = self.pusher.engine.commands
        is_heard = self.choice.random() < 0.7
        apply = executor.apply_and_announce if is_heard else executor._commands.apply  # pyright: ignore[reportPrivateUsage] # a command whose announcement is lost
        before = self.model.version
        outcome: Outcome = await apply(command)
        self.model.apply(command)
        if self.model.version > before:
            assert (outcome.version, outcome.unread) == (self.model.version, self.model.unread)
        assert bool(outcome.changes) == (self.model.version > before)

    def _any_command(self) -> InboxCommand:
        choice = self.choice
        verb = choice.choice(VERBS)
        until = datetime.now(UTC) + timedelta(hours=1) if choice.random() < 0.6 else None
        until = until if verb == "snooze" else None
        ids, up_to, category = None, None, None
        if self.model.items and choice.random() < 0.4:
            known = sorted(self.model.items)
            ids = tuple(choice.sample(known, choice.randint(1, min(4, len(known)))))
        else:
            up_to = choice.randint(0, self.model.version + 3)
            category = choice.choice([None, None, "a", "b"])
        return InboxCommand(
            TENANT, PERSON, verb, ids=ids, up_to=up_to, category=category, until=until
        )

    async def resume(self, most: int) -> None:
        """Come back, and break off after so many frames."""
        async with self.pusher.connect(PERSON) as client:
            await client.hello(since=self.resuming.version)
            for _ in range(most):
                frame = await client.next()
                self.resuming.handle(frame)
                if frame["type"] == "caught_up":
                    return

    async def poll(self, http: httpx2.AsyncClient) -> None:
        """Ask for what has changed, page by page."""
        params: dict[str, Any] = {"since": self.polling.version, "limit": 3}
        while True:
            page = (await http.get("/v1/inbox/changes", params=params)).json()
            assert len(page["items"]) + len(page["commands"]) <= 3
            self.polling.take(page)
            if page["next_cursor"] is None:
                return
            params["cursor"] = page["next_cursor"]

    async def listen(self, client: Client) -> None:
        """Everything up to the head, announced or not."""
        await self.pusher.engine.gap_filler.reconcile()
        while self.listening.version < self.model.version:
            self.listening.handle(await client.next())

    async def check(self, http: httpx2.AsyncClient) -> None:
        """The store and all clients agree with the model."""
        async with self.writer.database.driver() as tx:
            times = {row["version"]: row["at"] for row in await tx.fetch(TIMES)}
            head: Any = await tx.fetchrow(HEAD)
        stored = (await http.get("/v1/inbox", params={"state": "all", "limit": 500})).json()
        expected = {
            str(identifier): (
                item.version,
                item.entered,
                *(times[at] if at else None for at in (item.seen, item.read, item.archived)),
                item.until,
            )
            for identifier, item in self.model.items.items()
        }
        assert tuple(head) == (self.model.version, self.model.unread)
        assert facts(stored["items"]) == expected
        for client in (self.listening, self.resuming, self.polling):
            assert facts(client.items.values()) == expected
            assert (client.version, client.unread) == tuple(head)


def facts(items: Any) -> dict[str, tuple[Any, ...]]:
    """What a client can tell of each item."""
    times = ("seen_at", "read_at", "archived_at", "snoozed_until")
    return {
        item["id"]: (
            item["version"],
            item["entered"],
            *(datetime.fromisoformat(item[name]) if item[name] else None for name in times),
        )
        for item in items
    }


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database, max_requests_per_minute=100_000) as running:
        yield running


@pytest.mark.parametrize("seed", range(8))
async def test_store_listener_resumer_and_poller_agree_with_the_model(
    pusher: Pusher, writer: InboxWriter, seed: int
) -> None:
    scene = Scene(pusher, writer, seed)
    headers = {"Authorization": f"Bearer {token(PERSON)}"}
    async with (
        httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http,
        pusher.feed(PERSON, since=0) as listener,
    ):
        await scene.arrive()
        for step in range(STEPS):
            await scene.act()
            if scene.choice.random() < 0.3:
                await scene.resume(scene.choice.randint(1, 6))
            if scene.choice.random() < 0.2:
                await scene.poll(http)
            if step % 10 == 9:
                await scene.listen(listener)
                await scene.resume(10_000)
                await scene.poll(http)
                await scene.check(http)
