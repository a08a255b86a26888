"""The validation of a snooze."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clarion.errors import FieldError, Invalid

MAX_SNOOZE = timedelta(days=366)


def until_fault(until: datetime | None, now: datetime | None = None) -> str | None:
    """What is wrong with the end of a snooze, if anything; `now` defaults to the clock."""
    if until is None:
        return None
    now = now or datetime.now(UTC)
    if until <= now:
        return "must lie in the future"
    return "must lie within one year" if until > now + MAX_SNOOZE else None


def check_until(until: datetime | None) -> None:
    """Raises `Invalid` for the end of a new snooze that is not allowed."""
    fault = until_fault(until)
    if fault is not None:
        raise Invalid("1 field is not as documented.", errors=[FieldError("until", fault)])
