"""Everything that happened to one event as a whole; what each person got is in the recipients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from services.gateway.admin.history.changes import Entry, entry_of, said
from services.gateway.admin.history.timeline import came_again, in_order

PARKED = "Could not be planned and was parked"
PARKED_BEFORE = "Could not be planned then, and was parked"


def event_timeline(
    row: Row[Any],
    earlier: Sequence[Any],
    parking: Mapping[str, Any] | None,
    changes: Sequence[Mapping[str, Any]],
) -> list[Entry]:
    """`earlier` are the times that the same event was parked before; `changes` are of `audit`."""
    entries = [entry_of(row.accepted_at, "accepted", f"Event {row.type} was accepted")]
    entries += [entry_of(one.planned_at, "parked", PARKED_BEFORE) for one in earlier]
    if row.state == "parked":
        reason = f": {parking['reason']} ({parking['detail']})" if parking else ""
        entries.append(entry_of(row.planned_at, "parked", PARKED + reason))
    else:
        planned = "Recipients and channels were decided"
        entries.append(entry_of(row.planned_at, "planned", planned))
        entries += _unreached(row)
    again = {"duplicates": row.duplicates, "duplicate_at": row.duplicate_at}
    entries += came_again({**again, "conflicts": row.conflicts})
    entries += [said(one) for one in changes]
    return in_order(entries)


def _unreached(row: Row[Any]) -> list[Entry]:
    """One sentence for all who got nothing; the recipients say it of each."""
    if not row.unreached:
        return []
    decisions = [one for person in row.unreached for one in person["decisions"]]
    reasons = sorted({f"{one['channel']} {one['reason']}" for one in decisions})
    if {one["reason"] for one in decisions} == {"cancelled"}:
        detail = "Nobody is told: it was cancelled before it was planned"
    elif all(person["subscriber"] is None for person in row.unreached):
        detail = "Reached nobody: it names no one, or topics without members"
    else:
        people = (
            "1 recipient gets"
            if len(row.unreached) == 1
            else f"{len(row.unreached)} recipients get"
        )
        detail = f"{people} nothing: {', '.join(reasons)}"
    return [entry_of(row.planned_at, "not_reached", detail)]
