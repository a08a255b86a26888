"""Commands on all items that entered an inbox by a version: each is one entry in its feed.

The state of the items is in their rows; the entry tells clients of it. An inbox keeps its newest
`MAX_KEPT` entries of the last `RETENTION`; `inboxes.floor` is the highest version that was removed.
The caller has locked the inbox (`clarion.records.inboxes`). No other module writes
`inbox_commands`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from clarion.store.database import Driver

MAX_KEPT = 1_000
RETENTION = timedelta(days=90)

PRUNE = """
WITH removed AS (
    DELETE FROM inbox_commands WHERE tenant = $1 AND subscriber = $2 AND version <= greatest(
        (SELECT version FROM inbox_commands WHERE tenant = $1 AND subscriber = $2
            ORDER BY version DESC OFFSET $3 LIMIT 1),
        (SELECT max(version) FROM inbox_commands WHERE tenant = $1 AND subscriber = $2
            AND at < now() - $4::interval))
    RETURNING version
)
SELECT max(version) FROM removed
"""
INSERT = """
INSERT INTO inbox_commands (tenant, subscriber, version, verb, up_to, category, at, by)
VALUES ($1, $2, $3, $4, $5, $6, now(), $7) RETURNING at
"""


async def record(
    tx: Driver,
    tenant: str,
    subscriber: str,
    *,
    version: int,
    verb: str,
    up_to: int,
    category: str | None,
    by: str,
) -> datetime:
    """Add one; its time, which is that of the transaction."""
    at: Any = await tx.fetchval(INSERT, tenant, subscriber, version, verb, up_to, category, by)
    return at


async def prune(tx: Driver, tenant: str, subscriber: str) -> int:
    """Make room for one more; the highest version that was removed, or 0."""
    removed: Any = await tx.fetchval(PRUNE, tenant, subscriber, MAX_KEPT - 1, RETENTION)
    return removed or 0
