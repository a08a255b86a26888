"""Commands from the store to the local sessions and the other pushers."""

from __future__ import annotations

from contextlib import suppress

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.errors import StoreUnavailable
from clarion.store.database import Database
from services.pusher.feed.announcer import Announcer
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.hub import Hub
from services.pusher.feed.live_frames import command_frame, live_frame
from services.pusher.inbox.change import Change, Outcome
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import InboxCommands
from services.pusher.inbox.keyed_commands import KeyedCommands
from services.pusher.metrics import COMMANDS
from services.pusher.wire import frames


class CommandExecutor:
    """Applies commands, from a socket or by REST, and announces them to every device."""

    def __init__(self, database: Database, hub: Hub, epochs: Epochs, announcer: Announcer) -> None:
        self._commands = InboxCommands(database)
        self._keyed = KeyedCommands(database)
        self._hub = hub
        self._epochs = epochs
        self._announcer = announcer

    async def apply_and_announce(self, command: InboxCommand) -> Outcome:
        """Apply a command and announce it; local sessions get the change before this returns. With
        a key it is applied once, by socket or by REST. Raises `Invalid` for a key of another
        command and for an `until` that is not allowed, and `StoreUnavailable`."""
        COMMANDS.labels(command.verb).inc()
        name = feed_key(command.tenant, command.subscriber)
        feed = self._hub.feeds.get(name)
        before = self._epochs.last_delivered(feed) if feed is not None else None
        if command.idempotency_key is None:
            outcome = await self._commands.apply(command)
        else:
            outcome = await self._keyed.apply(command, command.idempotency_key)
        if before is not None and outcome.changes:
            # The command is committed: another epoch is found by the next reconciliation
            with suppress(StoreUnavailable):
                await self._epochs.validate(before, before.epoch, outcome.changes[0].version - 1)
        announced = [changed_frame(name, change) for change in outcome.changes]
        self._hub.announce(announced)
        self._announcer.announce(announced)
        return outcome

    async def trim(self) -> None:
        """As `KeyedCommands.trim`."""
        await self._keyed.trim()


def changed_frame(feed: str, change: Change) -> FeedFrame:
    """The announcement of one version."""
    if change.command is not None:
        frame = command_frame(change.command, change.unread)
    else:
        states, entered = change.items, change.entered
        frame = live_frame(change.version, change.unread, states, entered, change.trace_id)
    return FeedFrame(feed, change.version, frames.body_of(frame))
