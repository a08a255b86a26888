"""What became of an item in its inbox: given to sessions, and what its subscriber did with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import receipts
from services.gateway.admin.history.changes import Entry, entry_of

MAX_SESSIONS_SHOWN = 50

_r = receipts.c

VERBS = {
    "read": ("read", "The subscriber has read it"),
    "unread": ("unread", "The subscriber has marked it unread"),
    "seen": ("seen", "The subscriber has seen it"),
    "archive": ("archived", "The subscriber has archived it"),
    "unarchive": ("unarchived", "The subscriber has taken it out of the archive"),
    "snooze": ("snoozed", "The subscriber has put it off until {until}"),
    "return": ("returned", "Came back into the inbox: its time had come"),
}
"""By what `notifications.changes` calls it: what the timeline calls it, and the sentence."""

BACK_AGAIN = ("returned", "The subscriber has ended its snooze")


def arrival_version(row: Mapping[str, Any]) -> int | None:
    """The version that the item came with; its own is that of the last change."""
    changes = row["changes"]
    return changes[0]["was"] if changes else row["version"]


async def receipts_of(
    connection: AsyncConnection, row: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """The newest sessions that were given the item, as far as they have told or ended."""
    version = arrival_version(row)
    if version is None:
        return ()
    statement = (
        select(receipts)
        .where(
            _r.tenant == row["tenant"],
            _r.subscriber == row["subscriber"],
            _r.written >= version,
            _r.at >= row["created_at"],
        )
        .order_by(_r.session.desc())
        .limit(MAX_SESSIONS_SHOWN)
    )
    return [dict(one) for one in (await connection.execute(statement)).mappings()]


def given(row: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Each session that the item was written to, at the time that this was last kept."""
    came_with = arrival_version(row) or 0
    for one in found:
        told = one["acknowledged"] >= came_with
        answer = f"acknowledged up to {one['acknowledged']}" if told else "did not acknowledge it"
        detail = (
            f"Session {one['session']} was given the inbox up to version {one['written']} and "
            f"{answer}; the item came with {came_with}"
        )
        yield entry_of(one["at"], "acknowledged" if told else "written", detail, "inbox")


def done(row: Mapping[str, Any]) -> Iterator[Entry]:
    """Each change, and through what it was made."""
    for one in row["changes"]:
        until = one.get("until")
        known = VERBS.get(one["what"], (one["what"], "Changed"))
        what, sentence = BACK_AGAIN if one["what"] == "snooze" and until is None else known
        by = "" if one["what"] == "return" else f", by {one['by']}"
        detail = f"{sentence.format(until=until)}{by} (version {one['version']})"
        yield entry_of(datetime.fromisoformat(one["at"]), what, detail, "inbox")
