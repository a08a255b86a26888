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
