"""Until when an item may be snoozed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clarion.errors import FieldError, Invalid

MAX_SNOOZE = timedelta(days=366)


def until_fault(until: datetime | None, now: datetime | None = None) -> str | None:
    """What is wrong with the end of a snooze; `now` is the clock's where it is left out."""
    if until is None:
        return None
    now = now or datetime.now(UTC)
    if until <= now:
        return "must lie in the future"
    return "must lie within one year" if until > now + MAX_SNOOZE else None


def check_until(until: datetime | None) -> None:
    """Raises `Invalid` where a snooze may not begin that lasts until then."""
    fault = until_fault(until)
    if fault is not None:
        raise Invalid("1 field is not as documented.", errors=[FieldError("until", fault)])
