"""What is announced again when an event comes a second time."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.inbox.commands import InboxCommands
from tests.support.notifier import (
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    take_frames,
)

ITEM = "SELECT id FROM notifications WHERE subscriber = 'touched'"


@pytest.mark.parametrize(
    "verbs",
    [("seen",), ("read",), ("read", "unread"), ("archive",)],
    ids=lambda verbs: " then ".join(verbs),
)
async def test_an_item_that_was_touched_is_not_announced_as_new(
    memory_bus: Bus, database: Database, verbs: tuple[Verb, ...]
) -> None:
    live = memory_bus.listen(["0"])
    sent = envelope(event(to=["user:touched", "user:untouched"]))
    commands = InboxCommands(database)
    async with running_notifiers(memory_bus, database):
        await asyncio.sleep(0)
        await publish(memory_bus, sent)
        first = await take_frames(live, 2)
        item = UUID(str((await rows(database, ITEM))[0]["id"]))
        for verb in verbs:
            await commands.apply(InboxCommand("default", "touched", verb, ids=(item,)))
        await publish(memory_bus, sent)
        await publish(memory_bus, envelope(event(to="user:later")))
        second = await take_frames(live, 2)
    assert [one[0] for one in second] == ["default/untouched", "default/later"]
    assert second[0] == next(one for one in first if one[0] == "default/untouched")


@pytest.mark.parametrize("verb", ["read", "seen", "archive"])
async def test_an_item_that_a_command_on_all_covered_is_announced_as_it_is_now(
    memory_bus: Bus, database: Database, verb: Verb
) -> None:
    live = memory_bus.listen(["0"])
    sent = envelope(event(to=["user:42"]))
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, sent)
        ((_, _, first),) = await take_frames(live, 1)
        await InboxCommands(database).apply(InboxCommand("default", "42", verb, up_to=1))
        await publish(memory_bus, sent)
        ((_, version, again),) = await take_frames(live, 1)
    name = {"read": "read_at", "seen": "seen_at", "archive": "archived_at"}[verb]
    assert (version, again["item"]["entered"], again["item"]["version"]) == (1, 1, 1)
    assert first["item"][name] is None
    assert again["item"][name] is not None
