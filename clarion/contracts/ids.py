"""Identifiers: UUIDv7 (RFC 9562), whose first 48 bits are the Unix time in milliseconds.

The big tables are range-partitioned by id, so an id is also a month.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

SUBSCRIBER_ID_PATTERN = r"^[A-Za-z0-9._:@-]{1,128}\Z"
"""Ids of subscribers, topics and tenants."""


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
