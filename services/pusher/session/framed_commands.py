"""Commands from the frames of a session."""

from __future__ import annotations

from clarion.contracts.frames import (
    Archive,
    Command,
    ErrorFrame,
    Read,
    Seen,
    Snooze,
    Unarchive,
    Unread,
)
from clarion.errors import Invalid
from services.pusher.feed.feed import Feed
from services.pusher.inbox.change import Outcome
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.session.command_executor import CommandExecutor
from services.pusher.session.session import Session

VERBS: dict[type[Command], Verb] = {
    Read: "read",
    Unread: "unread",
    Seen: "seen",
    Archive: "archive",
    Unarchive: "unarchive",
    Snooze: "snooze",
}
FIELDS = {"Idempotency-Key": "key"}


async def execute(
    commands: CommandExecutor, session: Session, feed: Feed, command: Command
) -> Outcome | ErrorFrame:
    """The outcome, or the error to answer with. Raises `StoreUnavailable`."""
    try:
        return await commands.apply_and_announce(_inbox_command(session, feed, command))
    except Invalid as refusal:
        words = [
            f"`{FIELDS.get(error.field, error.field)}` {error.message}." for error in refusal.errors
        ]
        return ErrorFrame(code=refusal.code, detail=" ".join(words), ref=command.ref)


def _inbox_command(session: Session, feed: Feed, command: Command) -> InboxCommand:
    return InboxCommand(
        feed.tenant,
        feed.subscriber,
        VERBS[type(command)],
        ids=None if command.ids is None else tuple(command.ids),
        up_to=command.up_to,
        category=command.category,
        until=command.until if isinstance(command, Snooze) else None,
        by=f"session {session.id}",
        idempotency_key=command.key,
    )
