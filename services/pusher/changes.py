"""State changes on their whole way: the store, the sessions here, the other pushers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.contracts.frames import ChangedFrame, NotificationFrame
from clarion.contracts.item import Item, ItemState
from services.pusher import frames
from services.pusher.announcer import Announcer
from services.pusher.commands import REST, Change, Commands, Outcome, Verb
from services.pusher.hub import Hub
from services.pusher.metrics import COMMANDS


class Changes:
    """What a subscriber changes, by socket or by REST, reaches every device."""

    def __init__(self, commands: Commands, hub: Hub, announcer: Announcer) -> None:
        self._commands = commands
        self._hub = hub
        self._announcer = announcer

    async def make(
        self,
        tenant: str,
        subscriber: str,
        verb: Verb,
        *,
        ids: Sequence[UUID] | None,
        up_to: int | None,
        until: datetime | None = None,
        by: str = REST,
    ) -> Outcome:
        """Carry out a command and tell of it; sessions here hear it before this returns.
        Raises `StoreUnavailable`."""
        COMMANDS.labels(verb).inc()
        outcome = await self._commands.carry_out(
            tenant, subscriber, verb, ids=ids, up_to=up_to, until=until, by=by
        )
        key = feed_key(tenant, subscriber)
        announced = [changed_frame(key, change) for change in outcome.changes]
        self._hub.announce(announced)
        self._announcer.announce(announced)
        return outcome


def changed_frame(feed: str, change: Change) -> FeedFrame:
    """One version's changes, ready to be announced."""
    states, entered = change.items, change.entered
    frame = live_frame(change.version, change.unread, states, entered, change.trace_id)
    return FeedFrame(feed, change.version, frames.body_of(frame))


def live_frame(
    version: int,
    unread: int,
    states: Sequence[ItemState],
    entered: Sequence[Item],
    trace_id: str | None,
) -> NotificationFrame | ChangedFrame:
    """What a version did: one item that entered the view is told as a new one is; several stand
    whole in place of their states."""
    if len(entered) == 1:
        item = entered[0]
        return NotificationFrame(version=version, unread=unread, item=item, trace_id=trace_id)
    # An item has every field of its state, and more
    items = cast("list[ItemState]", list(entered or states))
    return ChangedFrame(version=version, unread=unread, items=items)
