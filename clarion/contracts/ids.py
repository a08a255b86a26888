"""Identifiers: UUIDv7 (RFC 9562), whose first 48 bits are the Unix time in milliseconds.

The big tables are range-partitioned by id, so an id is also a month.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import uuid_utils

from clarion.clock import now_ms

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


TAIL_BITS = 32
STEP = 1 << TAIL_BITS


class IdGenerator:
    """Makes UUIDv7s that follow the clock, also where it goes back; never ahead of it.

    Within a millisecond they grow by a counter of 30 bits, which begins at random in its lower half
    and which no process can count through; the bits around it are random.
    """

    def __init__(self, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self.forget()

    def forget(self) -> None:
        """Reset the state, as required after a fork."""
        self._ms = -1
        self._numbers = count(0)

    def __call__(self) -> bytes:
        """The next."""
        ms = self._clock_ms()
        if ms != self._ms:
            self._numbers = count(_first(ms), STEP)  # `next` is one step for threads
            self._ms = ms
        return next(self._numbers).to_bytes(16)


def _first(ms: int) -> int:
    drawn = int.from_bytes(os.urandom(10))
    low = drawn & ((1 << 61) - 1)
    return ms << 80 | 7 << 76 | (drawn >> 61 & 0xFFF) << 64 | 2 << 62 | low


next_id = IdGenerator()
os.register_at_fork(after_in_child=next_id.forget)


def new_id() -> str:
    """A new UUIDv7 in its canonical text form; those of one process grow as its clock does."""
    return str(uuid_utils.UUID(bytes=next_id()))


def lowest_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 that can have been made at `moment`: a bound for range scans."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def time_of(identifier: str | UUID) -> datetime:
    """The millisecond at which a UUIDv7 was made."""
    number = UUID(str(identifier)).int
    return datetime.fromtimestamp((number >> 80) / 1000, UTC)
