"""Everything that happened to one notification, in one list by time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.gateway.schemas import rfc3339

ENDS = ("failed", "dead", "bounced", "skipped", "cancelled", "expired", "delivered")
"""States that no attempt tells: the delivery itself says when it got there and why."""

OUTCOMES = {
    "sent": "Taken by the provider",
    "retry": "Not taken; to be tried again",
    "failed": "Refused for good",
    "unknown": "No answer in time; to be tried again with the same key",
}

Entry = dict[str, Any]
Row = Mapping[str, Any]


def timeline(row: Row, deliveries: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """`row` is a notification with its event's times; of one instant what comes first caused
    what follows."""
    entries = [*_beginning(row), *_decisions(row), *_arrival(row)]
    for delivery in deliveries:
        entries.extend(_delivery(delivery))
    entries.extend(_by_subscriber(row))
    return sorted(entries, key=lambda entry: entry["at"])


def _beginning(row: Row) -> Iterator[Entry]:
    if row["accepted_at"] is not None:
        yield _entry(row["accepted_at"], "accepted", f"Event {row['type']} was accepted")
        yield _entry(row["planned_at"], "planned", "Recipients and channels were decided")


def _arrival(row: Row) -> Iterator[Entry]:
    if row["version"] is not None:
        detail = f"Entered the inbox as version {row['version']}"
        yield _entry(row["created_at"], "in_inbox", detail, "inbox")


def _decisions(row: Row) -> Iterator[Entry]:
    for one in row["decisions"]:
        until = f" until {one['until']}" if one.get("until") else ""
        detail = f"{one['decision'].capitalize()}{until}: {one['reason']}"
        yield _entry(row["created_at"], "decided", detail, one["channel"])


def _delivery(delivery: Mapping[str, Any]) -> Iterator[Entry]:
    channel, attempts = delivery["channel"], delivery["attempts"]
    due_at = delivery["due_at"]
    if delivery["state"] == "scheduled" and due_at is not None and not attempts:
        detail = f"To be sent at {rfc3339(due_at)}"
        yield _entry(delivery["created_at"], "scheduled", detail, channel)
    elif delivery["state"] != "skipped":
        yield _entry(delivery["created_at"], "queued", "Waits for its turn to be sent", channel)
    for attempt in attempts:
        yield _attempt(attempt, channel)
    if delivery["state"] == "scheduled" and attempts and due_at is not None:
        detail = f"To be tried again at {rfc3339(due_at)}"
        yield _entry(delivery["updated_at"], "scheduled", detail, channel)
    if delivery["state"] in ENDS:
        reason = delivery["reason"] or "no reason was given"
        yield _entry(delivery["updated_at"], delivery["state"], f"Ended: {reason}", channel)


def _attempt(attempt: Mapping[str, Any], channel: str) -> Entry:
    ended_at: datetime = attempt["started_at"] + timedelta(milliseconds=attempt["duration_ms"])
    said = ", ".join(str(part) for part in (attempt["code"], attempt["detail"]) if part is not None)
    detail = (
        f"Attempt {attempt['n']} at {attempt['provider']}, {attempt['duration_ms']} ms: "
        f"{OUTCOMES.get(attempt['outcome'], attempt['outcome'])}"
    )
    return _entry(ended_at, "attempted", f"{detail} ({said})" if said else detail, channel)


def _by_subscriber(row: Row) -> Iterator[Entry]:
    for what, at in (
        ("seen", row["seen_at"]),
        ("read", row["read_at"]),
        ("archived", row["archived_at"]),
    ):
        if at is not None:
            yield _entry(at, what, f"The subscriber has {what} it", "inbox")


def _entry(at: datetime, what: str, detail: str, channel: str | None = None) -> Entry:
    return {"at": at, "what": what, "channel": channel, "detail": detail}
