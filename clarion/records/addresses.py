"""The addresses of a subscriber: one column of `subscribers` for each channel.

All statements that read or write addresses use these names, so a table of addresses can replace the
columns with changes to this module alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clarion.rules.recipient_addresses import Addresses
from clarion.store.database import Driver

COLUMNS: Mapping[str, str] = {"email": "email", "sms": "phone"}
"""Column by channel."""

ADDRESS_FIELDS = tuple(COLUMNS.values())
"""Names of the addresses in a recipient of an event and in a row of `subscribers`."""

ADDRESS_COLUMNS = ", ".join(f"s.{column}" for column in ADDRESS_FIELDS)
"""For statements that join `subscribers s`; `addresses_from` reads the row."""

LOOK_UP = """
SELECT s.tenant, s.id, {columns}
FROM unnest($1::text[], $2::text[]) AS d (tenant, id) JOIN subscribers s USING (tenant, id)
"""
LOOK_UP_ADDRESSES = LOOK_UP.format(columns=ADDRESS_COLUMNS)


def addresses_from(row: Any) -> Addresses:
    """The addresses in a row with `ADDRESS_COLUMNS`, by channel and not normalised."""
    return {channel: row[column] for channel, column in COLUMNS.items()}


async def look_up(
    tx: Driver, people: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Addresses]:
    """The addresses of `people` (tenant, subscriber); those who are not in the directory are
    absent."""
    if not people:
        return {}
    rows: Any = await tx.fetch(
        LOOK_UP_ADDRESSES,
        [tenant for tenant, _ in people],
        [subscriber for _, subscriber in people],
    )
    return {(row[0], row[1]): addresses_from(row) for row in rows}
