"""The commands in a page of a feed: entries of their own between the items."""

from __future__ import annotations

from typing import Any

from clarion.contracts.frames import FeedCommand

NO_COMMAND = "NULL::text AS verb, NULL::bigint AS up_to, NULL::timestamptz AS at"
"""The columns of a command, in a row with an item."""

COMMANDS_AFTER = """
SELECT q.n, i.version, i.unread, (SELECT value FROM epoch), i.floor,
    NULL::uuid, NULL::text, NULL::text, c.category, NULL::text, NULL::text, NULL::text, NULL::text,
    NULL::text, NULL::text, NULL::text, c.version, NULL::bigint, NULL::timestamptz,
    NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::text,
    NULL::boolean, c.verb, c.up_to, c.at
FROM unnest($1::text[], $2::text[], $3::bigint[])
    WITH ORDINALITY AS q(tenant, subscriber, version, n)
JOIN inboxes i
    ON i.tenant = q.tenant AND i.subscriber = q.subscriber AND i.version > q.version
CROSS JOIN LATERAL (
    SELECT * FROM inbox_commands o
    WHERE o.tenant = q.tenant AND o.subscriber = q.subscriber AND o.version > q.version
    ORDER BY o.version LIMIT $5
) c
"""
"""Rows with the columns of those with items, in which only the category and the version of the
command are set."""


def command_of(row: Any) -> FeedCommand:
    """The command of a row that has a verb."""
    return FeedCommand(
        version=row["version"],
        verb=row["verb"],
        up_to=row["up_to"],
        category=row["category"],
        at=row["at"],
    )
