"""The inbox as a list: newest first, filtered and paged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from clarion.contracts.item import Item
from clarion.store.by_index import BY_INDEX_ONLY
from clarion.store.database import Database, Driver
from services.pusher.inbox.history import COLUMNS, item_of

InboxFilter = Literal["inbox", "all", "unread", "archived", "snoozed"]

MAX_ROWS_SCANNED = 5_000
"""Items that one page looks at: where filters match fewer, it ends there, with a cursor."""

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
    SELECT {columns}, n.is_match, n.is_end, n.looked_at
    FROM (
        SELECT *, is_listed AS is_match, looked_at = {rows} AS is_end
        FROM (
            SELECT *, m.version IS NOT NULL AND {condition} AND {category} AS is_listed,
                row_number() OVER () AS looked_at
            FROM (
                SELECT * FROM notifications n
                WHERE n.tenant = $1 AND n.subscriber >= $2 AND (n.subscriber, n.id) < ($2, $3::uuid)
                ORDER BY n.subscriber DESC, n.id DESC LIMIT {rows}
            ) m
        ) seen
        WHERE is_listed OR looked_at = {rows}
        LIMIT {limit}
    ) n
    LEFT JOIN events e ON e.id = n.event
) r ON true
ORDER BY r.looked_at
"""
"""Newest first, within a bounded scan. The subscriber is a range and sorted by, so only the index
that begins with tenant and subscriber has the order."""
BY_CATEGORY = "coalesce(m.category = $5, false)"
UNREAD_LIMIT = "least($4, i.unread)"
"""The inbox row says how many there are: the scan ends with the last one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of items, and the inbox in the same snapshot."""

    head: int
    unread: int
    epoch: str
    items: list[Item]
    end: UUID | None
    """The page goes on after this item; it may be none of the page."""


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
    """The newest `limit` items with an id less than `before`, or those among the newest
    `MAX_ROWS_SCANNED`. Raises `StoreUnavailable`."""
    query = list_query(state, category)
    filters = [] if category is None else [category]
    arguments = (tenant, subscriber, before, limit + 1, *filters)

    async def read(tx: Driver) -> Any:
        await tx.execute(BY_INDEX_ONLY)
        return await tx.fetch(query, *arguments)

    rows = await database.run(read)
    found = [item_of(row) for row in rows if row["is_match"]]
    first, items = rows[0], found[:limit]
    end = next((row["id"] for row in rows if row["is_end"]), None)
    if len(found) > limit:
        end = items[-1].id
    return Listing(first["head"], first["unread"], first["epoch"] or "", items, end)


def list_query(state: InboxFilter, category: str | None) -> str:
    """The statement of these filters; its arguments: tenant, subscriber, the id to begin below, how
    many, and the category where one is given."""
    return LIST.format(
        columns=COLUMNS,
        condition=f"({CONDITIONS[state]})",
        category="true" if category is None else BY_CATEGORY,
        rows=MAX_ROWS_SCANNED,
        limit=UNREAD_LIMIT if state == "unread" else "$4",
    )
