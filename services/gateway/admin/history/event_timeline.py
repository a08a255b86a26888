"""The timeline of an event as a whole; each recipient has a timeline of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from services.gateway.admin.history.changes import Entry, entry_of, said
from services.gateway.admin.history.timeline import came_again, in_order

PARKED = "Planning failed; the event was parked"
PARKED_BEFORE = "Planning failed at that time; the event was parked"


def event_timeline(
    row: Row[Any],
    earlier: Sequence[Any],
    parking: Mapping[str, Any] | None,
    changes: Sequence[Mapping[str, Any]],
) -> list[Entry]:
    """`earlier` are earlier parkings of the same event; `changes` are rows of `audit`."""
    entries = [entry_of(row.accepted_at, "accepted", f"Event {row.type} was accepted")]
    entries += [entry_of(event.planned_at, "parked", PARKED_BEFORE) for event in earlier]
    if row.state == "parked":
        reason = f": {parking['reason']} ({parking['detail']})" if parking else ""
        entries.append(entry_of(row.planned_at, "parked", PARKED + reason))
    else:
        planned = "Recipients and channels were decided"
        entries.append(entry_of(row.planned_at, "planned", planned))
        entries += _unreached(row)
    again = {"duplicates": row.duplicates, "duplicate_at": row.duplicate_at}
    entries += came_again({**again, "conflicts": row.conflicts})
    entries += [said(change) for change in changes]
    return in_order(entries)


def _unreached(row: Row[Any]) -> list[Entry]:
    """One sentence for all recipients who got nothing."""
    if not row.unreached:
        return []
    decisions = [decision for person in row.unreached for decision in person["decisions"]]
    reasons = sorted({f"{decision['channel']} {decision['reason']}" for decision in decisions})
    if {decision["reason"] for decision in decisions} == {"cancelled"}:
        detail = "No recipients: the event was cancelled before it was planned"
    elif all(person["subscriber"] is None for person in row.unreached):
        detail = "No recipients: the event names none, or only topics without members"
    else:
        people = (
            "1 recipient gets"
            if len(row.unreached) == 1
            else f"{len(row.unreached)} recipients get"
        )
        detail = f"{people} nothing: {', '.join(reasons)}"
    return [entry_of(row.planned_at, "not_reached", detail)]
