"""Identifiers: UUIDv7 (RFC 9562), whose first 48 bits are the Unix time in milliseconds.

The big tables are range-partitioned by id, so an id is also a month.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

SUBSCRIBER_ID = (
    r"(?:[A-Za-z0-9_:@-][A-Za-z0-9._:@-]{0,127}"
    r"|\.[A-Za-z0-9_:@-][A-Za-z0-9._:@-]{0,126}"
    r"|\.\.[A-Za-z0-9._:@-]{1,126})"
)
"""1 to 128 characters, but neither `.` nor `..`, which no address can hold. Without look-ahead,
which not every dialect of regular expressions has."""
SUBSCRIBER_ID_PATTERN = rf"^{SUBSCRIBER_ID}\Z"
"""Ids of subscribers, topics and tenants."""
SUBSCRIBER_ID_WORDS = "1 to 128 of A-Z a-z 0-9 . _ : @ -, and not . or .."
CONTROL_CHARACTERS = "\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069"
"""C0, DEL, C1, line and paragraph separators, and what turns the direction of writing."""
PLAIN_TEXT_PATTERN = rf"^[^{CONTROL_CHARACTERS}]*$"
_CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")


def holds_control(text: str) -> bool:
    """Whether an id holds a character that logs, terminals and addresses act upon."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def new_id() -> str:
    """A new UUIDv7 in its canonical text form; ids of one process only grow."""
    return str(uuid_utils.uuid7())


def lowest_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 that can have been made at `moment`: a bound for range scans."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def time_of(identifier: str | UUID) -> datetime:
    """The millisecond at which a UUIDv7 was made."""
    number = UUID(str(identifier)).int
    return datetime.fromtimestamp((number >> 80) / 1000, UTC)
