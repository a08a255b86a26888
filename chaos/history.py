"""What PostgreSQL holds at the end, and whether the system has come to rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from chaos.duplicates import Attempt
from chaos.ledger import Head, Kept

KEPT = """
SELECT e.event_id, n.subscriber, n.version, n.id::text AS item
FROM notifications n JOIN events e ON e.id = n.event
ORDER BY n.subscriber, n.version
"""

HEADS = "SELECT subscriber, version, unread FROM inboxes"

ATTEMPTS = """
SELECT delivery::text AS delivery, outcome, extract(epoch FROM started_at)::float8 AS started_at,
       extract(epoch FROM started_at)::float8 + duration_ms / 1000.0::float8 AS ended_at
FROM attempts
"""

DELIVERIES = """
SELECT d.id::text AS id, d.state, d.channel, e.event_id
FROM deliveries d JOIN notifications n ON n.id = d.notification JOIN events e ON e.id = n.event
"""

UNREST = """
SELECT (SELECT count(*) FROM deliveries
        WHERE state IN ('queued', 'sending') OR state = 'scheduled' AND due_at < now() + $1)
     + (SELECT count(*) FROM notifications WHERE due_at IS NOT NULL)
"""

KNOWN = "SELECT event_id FROM events WHERE event_id = ANY($1::text[])"

PARKED = "SELECT reason, detail FROM parked"


class History:
    """Reads; opened by `open_history` when nothing strikes any more."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def kept(self) -> list[Kept]:
        """Every notification with its event's id."""
        return [Kept(**row) for row in await self._connection.fetch(KEPT)]

    async def heads(self) -> dict[str, Head]:
        """What each inbox says of itself."""
        rows = await self._connection.fetch(HEADS)
        return {row["subscriber"]: Head(row["version"], row["unread"]) for row in rows}

    async def attempts(self) -> Mapping[str, list[Attempt]]:
        """By delivery."""
        found: defaultdict[str, list[Attempt]] = defaultdict(list)
        for row in await self._connection.fetch(ATTEMPTS):
            found[row["delivery"]].append(
                Attempt(row["started_at"], row["ended_at"], row["outcome"])
            )
        return found

    async def deliveries(self) -> list[dict[str, Any]]:
        """`id`, `state`, `channel` and `event_id` of each."""
        return [dict(row) for row in await self._connection.fetch(DELIVERIES)]

    async def parked(self) -> list[str]:
        """What was parked, and why."""
        rows = await self._connection.fetch(PARKED)
        return [f"{row['reason']}: {row['detail']}" for row in rows]

    async def is_at_rest(self, accepted: Mapping[str, str], soon: Any) -> bool:
        """Whether all that was accepted is planned and nothing falls due within `soon`."""
        rows = await self._connection.fetch(KNOWN, list(accepted))
        known = {str(row["event_id"]) for row in rows}
        unrest = await self._connection.fetchval(UNREST, soon)
        return known == set(accepted) and unrest == 0


@asynccontextmanager
async def open_history(url: str) -> AsyncIterator[History]:
    """A connection past all proxies."""
    connection = await asyncpg.connect(url)
    try:
        yield History(connection)
    finally:
        await connection.close()
