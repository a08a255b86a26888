"""The inbox as a list: newest first, filtered and paged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from clarion.contracts.item import Item
from clarion.store.database import Database
from services.pusher.inbox.history import COLUMNS, item_of

InboxFilter = Literal["inbox", "all", "unread", "archived", "snoozed"]

CONDITIONS: dict[InboxFilter, str] = {
    "inbox": "m.archived_at IS NULL AND m.snoozed_until IS NULL",
    "all": "true",
    "unread": "m.read_at IS NULL AND m.archived_at IS NULL AND m.snoozed_until IS NULL",
    "archived": "m.archived_at IS NOT NULL",
    "snoozed": "m.snoozed_until IS NOT NULL",
}

LIST = """
SELECT coalesce(i.version, 0) AS head, coalesce(i.unread, 0) AS unread,
    (SELECT value FROM epoch) AS epoch, r.*
FROM (SELECT $1::text AS tenant, $2::text AS subscriber) q
LEFT JOIN inboxes i ON i.tenant = q.tenant AND i.subscriber = q.subscriber
LEFT JOIN LATERAL (
    SELECT {columns}
    FROM (
        SELECT * FROM notifications m
        WHERE m.tenant = q.tenant AND m.subscriber = q.subscriber AND m.version IS NOT NULL
            AND {condition} AND {category} AND m.id < $3::uuid
        ORDER BY m.id DESC LIMIT {limit}
    ) n
    LEFT JOIN events e ON e.id = n.event
) r ON true
ORDER BY r.id DESC
"""
UNREAD_LIMIT = "least($4, i.unread)"
"""The inbox row says how many there are: the scan ends with the last one."""
BY_CATEGORY = "m.category = $5"


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of items, and the inbox in the same snapshot."""

    head: int
    unread: int
    epoch: str
    items: list[Item]
    more: bool


async def list_inbox(
    database: Database,
    tenant: str,
    subscriber: str,
    *,
    state: InboxFilter,
    category: str | None,
    before: UUID,
    limit: int,
) -> Listing:
    """The newest `limit` items with an id less than `before`. Raises `StoreUnavailable`."""
    query = LIST.format(
        columns=COLUMNS,
        condition=CONDITIONS[state],
        limit=UNREAD_LIMIT if state == "unread" else "$4",
        category="true" if category is None else BY_CATEGORY,
    )
    filters = [] if category is None else [category]
    arguments = (tenant, subscriber, before, limit + 1, *filters)
    rows = await database.run(lambda tx: tx.fetch(query, *arguments))
    items = [item_of(row) for row in rows[:limit] if row["id"] is not None]
    first = rows[0]
    more = len(rows) > limit
    return Listing(first["head"], first["unread"], first["epoch"] or "", items, more)
