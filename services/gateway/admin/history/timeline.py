"""The timeline of one notification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.admin.history.changes import Entry, entry_of, said
from services.gateway.admin.history.inbox import arrival_version, covered, done, given
from services.gateway.admin.schemas import rfc3339

ENDS = ("failed", "dead", "bounced", "skipped", "cancelled", "expired", "delivered")
"""States without an attempt: the delivery itself has time and reason."""

OUTCOMES = {
    "sent": "Taken by the provider",
    "retry": "Not accepted; will be retried",
    "failed": "Refused for good",
    "unknown": "No answer in time; will be retried with the same key",
}

Row = Mapping[str, Any]


def timeline(
    row: Row,
    deliveries: Sequence[Row],
    changes: Sequence[Row] = (),
    receipts: Sequence[Row] = (),
    commands: Sequence[Row] = (),
) -> list[Entry]:
    """`row` is a notification with its event's times, `changes` are rows of `audit`. At one instant
    causes come before effects."""
    entries = [*_beginning(row), *came_again(row), *_decisions(row), *_arrival(row)]
    channels = {str(delivery["id"]): delivery["channel"] for delivery in deliveries}
    entries += [said(change, channels.get(change["subject"])) for change in changes]
    for delivery in deliveries:
        redriven = [one["at"] for one in changes if one["subject"] == str(delivery["id"])]
        entries.extend(_delivery(delivery, redriven))
    entries += [*given(row, receipts), *done(row), *covered(commands)]
    return in_order(entries)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort by time, stably."""
    return sorted(entries, key=lambda entry: entry["at"])


def came_again(row: Row) -> Iterator[Entry]:
    """Duplicates of the event, and other bodies that came under its id."""
    times = row["duplicates"]
    if times:
        often = "once more" if times == 1 else f"{times} more times, the last one now"
        detail = f"The event was received {often}: a duplicate, not sent again"
        yield entry_of(row["duplicate_at"], "duplicate", detail)
    for one in row["conflicts"] or ():
        detail = "Another body came under the same id: stored beside the event, not sent"
        yield entry_of(datetime.fromisoformat(one["at"]), "conflicting_duplicate", detail)


def _beginning(row: Row) -> Iterator[Entry]:
    if row["accepted_at"] is not None:
        yield entry_of(row["accepted_at"], "accepted", f"Event {row['type']} was accepted")
        yield entry_of(row["planned_at"], "planned", "Recipients and channels were decided")


def _arrival(row: Row) -> Iterator[Entry]:
    if row["version"] is not None:
        held = (one.get("until") for one in row["decisions"] if one["channel"] == "inbox")
        until = next((datetime.fromisoformat(one) for one in held if one), None)
        detail = f"Entered the inbox (version {arrival_version(row)})"
        yield entry_of(until or row["created_at"], "in_inbox", detail, "inbox")


def _decisions(row: Row) -> Iterator[Entry]:
    for one in row["decisions"]:
        decision, reason, until = one["decision"], one["reason"], one.get("until")
        if until and decision == "skip":
            decision, reason = "hold", "scheduled"  # the decision before its cancellation
        detail = f"{decision.capitalize()}{f' until {until}' if until else ''}: {reason}"
        yield entry_of(row["created_at"], "decided", detail, one["channel"])


def _delivery(delivery: Row, redriven: Sequence[datetime]) -> Iterator[Entry]:
    channel, attempts = delivery["channel"], delivery["attempts"]
    due_at = delivery["due_at"]
    if delivery["state"] == "scheduled" and due_at is not None and not attempts:
        detail = f"Scheduled for {rfc3339(due_at)}"
        yield entry_of(delivery["created_at"], "scheduled", detail, channel)
    elif delivery["state"] != "skipped":
        yield entry_of(delivery["created_at"], "queued", "Queued to be sent", channel)
    for change in delivery["address_changes"] or ():
        detail = f"The address in the directory changed: {change['to']} (was {change['from']})"
        yield entry_of(datetime.fromisoformat(change["at"]), "readdressed", detail, channel)
    for attempt in attempts:
        yield _attempt(attempt, delivery, redriven)
    if delivery["state"] == "scheduled" and attempts and due_at is not None:
        detail = f"Will be retried at {rfc3339(due_at)}"
        yield entry_of(delivery["updated_at"], "scheduled", detail, channel)
    if delivery["state"] in ENDS:
        reason = delivery["reason"] or "no reason was given"
        yield entry_of(delivery["updated_at"], delivery["state"], f"Ended: {reason}", channel)


def _attempt(attempt: Row, delivery: Row, redriven: Sequence[datetime]) -> Entry:
    ended_at: datetime = attempt["started_at"] + timedelta(milliseconds=attempt["duration_ms"])
    answer = ", ".join(
        str(part) for part in (attempt["code"], attempt["detail"]) if part is not None
    )
    detail = (
        f"Attempt {attempt['n']} at {attempt['provider']}, {attempt['duration_ms']} ms: "
        f"{_outcome(attempt, ended_at, delivery, redriven)}"
    )
    detail = f"{detail} ({answer})" if answer else detail
    return entry_of(ended_at, "attempted", detail, delivery["channel"])


def _outcome(attempt: Row, ended_at: datetime, delivery: Row, redriven: Sequence[datetime]) -> str:
    """The outcome in words. A refusal is permanent only if it ended the delivery, which may have
    been `redriven` since: the next provider may accept it."""
    if attempt["outcome"] != "failed":
        return OUTCOMES.get(attempt["outcome"]) or str(attempt["outcome"])
    later = next((other for other in delivery["attempts"] if other["n"] > attempt["n"]), None)
    until = later["started_at"] if later else datetime.max.replace(tzinfo=UTC)
    was_ended = later is None and delivery["state"] in ENDS
    if was_ended or any(ended_at <= at <= until for at in redriven):
        return OUTCOMES["failed"]
    if later is not None and later["provider"] != attempt["provider"]:
        return "Refused by this provider; the next one is tried"
    return "Refused by this provider; will be retried"
