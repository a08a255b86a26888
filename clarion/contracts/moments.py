"""Times as RFC 3339 spells them, leap seconds included."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

MOMENTS = frozenset({"time", "send_at", "expires_at", "until"})
LEAP = re.compile(rb":60[.Zz+-]")
LEAP_SECOND = re.compile(
    r"(?P<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}):60(?:\.[0-9]+)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def without_leap_second(text: str) -> str:
    """The last microsecond before a leap second (`23:59:60` UTC), for clocks have none; any other
    text is returned as it is."""
    found = LEAP_SECOND.fullmatch(text)
    if found is None:
        return text
    before = f"{found['minute']}:59.999999{found['offset']}"
    moment = read_moment(before)
    if moment is None or (moment.hour, moment.minute) != (23, 59):
        return text
    return before


def without_leap_seconds(raw: bytes) -> bytes | None:
    """The JSON of an event or a frame whose times are leap seconds, written as
    `without_leap_second` has them; None where none is."""
    if LEAP.search(raw) is None:
        return None
    try:
        members = _members.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    changed = {
        name: msgspec.Raw(msgspec.json.encode(without))
        for name in MOMENTS & members.keys()
        if isinstance(text := msgspec.json.decode(members[name]), str)
        and (without := without_leap_second(text)) != text
    }
    return msgspec.json.encode(members | changed) if changed else None


def read_moment(text: str) -> datetime | None:
    """The time in UTC, with microseconds; None for what is not a time with its offset."""
    found = TIME.fullmatch(without_leap_second(text) if ":60" in text else text)
    if found is None:
        return None
    fraction = (found["fraction"] or "")[:6].ljust(6, "0")
    offset = found["offset"].upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['time']}.{fraction}{offset}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
