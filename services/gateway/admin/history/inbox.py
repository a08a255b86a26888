"""An item in its inbox: the sessions it was sent to, and the changes by its subscriber."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import inbox_commands, receipts
from services.gateway.admin.history.changes import Entry, entry_of

MAX_SESSIONS_SHOWN = 50

_r = receipts.c
_c = inbox_commands.c

VERBS = {
    "read": ("read", "The subscriber marked it as read"),
    "unread": ("unread", "The subscriber marked it as unread"),
    "seen": ("seen", "The subscriber saw it"),
    "archive": ("archived", "The subscriber archived it"),
    "unarchive": ("unarchived", "The subscriber restored it from the archive"),
    "snooze": ("snoozed", "The subscriber snoozed it until {until}"),
    "return": ("returned", "Returned to the inbox: its snooze ended"),
}
"""By its name in `notifications.changes`: its name in the timeline, and the sentence."""

BACK_AGAIN = ("returned", "The subscriber ended its snooze")


def arrival_version(row: Mapping[str, Any]) -> int | None:
    """The version with which the item arrived; its own is that of the last change."""
    changes = row["changes"]
    return changes[0]["was"] if changes else row["version"]


async def receipts_of(
    connection: AsyncConnection, row: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """The newest sessions that received the item and have reported or ended."""
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
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def commands_of(
    connection: AsyncConnection, row: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """The commands on all items of the inbox that set a time of this item which it still has."""
    times = {row[name] for name in ("seen_at", "read_at", "archived_at")} - {None}
    if not times:
        return ()
    entered = row["version"] if row["entered"] is None else row["entered"]
    statement = (
        select(inbox_commands)
        .where(
            _c.tenant == row["tenant"],
            _c.subscriber == row["subscriber"],
            _c.at.in_(times),
            _c.up_to >= entered,
            or_(_c.category.is_(None), _c.category == row["category"]),
        )
        .order_by(_c.version)
    )
    found = (await connection.execute(statement)).mappings()
    return [dict(one) for one in found if one["at"] in _set_by(one["verb"], row)]


def _set_by(verb: str, row: Mapping[str, Any]) -> tuple[datetime | None, ...]:
    """The times of an item that a verb sets."""
    match verb:
        case "read":
            return row["read_at"], row["seen_at"]
        case "seen":
            return (row["seen_at"],)
        case _:
            return (row["archived_at"],)


def given(row: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Each session that received the item, at the last recorded time."""
    came_with = arrival_version(row) or 0
    for session in found:
        acknowledged = session["acknowledged"] >= came_with
        upto = f"acknowledged up to {session['acknowledged']}"
        answer = upto if acknowledged else "did not acknowledge it"
        detail = (
            f"Session {session['session']} received the inbox up to version "
            f"{session['written']} and "
            f"{answer}; the item arrived with {came_with}"
        )
        what = "acknowledged" if acknowledged else "written"
        yield entry_of(session["at"], what, detail, "inbox")


def done(row: Mapping[str, Any]) -> Iterator[Entry]:
    """Each change, and its origin."""
    for change in row["changes"]:
        verb, until = change["what"], change.get("until")
        known = VERBS.get(verb, (verb, "Changed"))
        what, sentence = BACK_AGAIN if verb == "snooze" and until is None else known
        by = "" if verb == "return" else f", by {change['by']}"
        detail = f"{sentence.format(until=until)}{by} (version {change['version']})"
        yield entry_of(datetime.fromisoformat(change["at"]), what, detail, "inbox")


def covered(commands: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Each command on all items that changed this one, and its origin."""
    for command in commands:
        what, sentence = VERBS[command["verb"]]
        of_category = f" of category {command['category']}" if command["category"] else ""
        detail = (
            f"{sentence} with all{of_category} up to version {command['up_to']}, "
            f"by {command['by']} (version {command['version']})"
        )
        yield entry_of(command["at"], what, detail, "inbox")
