"""State changes on their whole way: the store, the sessions here, the other pushers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.contracts.frames import ChangedFrame
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
    """One command's changes, ready to be announced."""
    frame = ChangedFrame(version=change.version, unread=change.unread, items=change.items)
    return FeedFrame(feed, change.version, frames.body_of(frame))
