"""Reads of inboxes: pages in order of version, snapshots and heads.

A page is one statement, hence one snapshot: items, `head`, `unread` and `epoch` are consistent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from clarion.contracts.frames import FeedCommand
from clarion.contracts.item import Item
from clarion.store.by_index import IN_ORDER_OF_INDEX
from clarion.store.database import Database, Driver
from services.pusher.inbox.batch_loader import BatchLoader
from services.pusher.inbox.feed_commands import COMMANDS_AFTER, NO_COMMAND, command_of
from services.pusher.metrics import FEEDS_READ, READS

PAGE_SIZE = 500
SNAPSHOT_SIZE = 50
MAX_FEEDS_PER_QUERY = 160
"""Feeds per query."""
MAX_ROWS_PER_QUERY = 8_000
"""Items per query, approximately: the more feeds, the fewer items of each."""
MAX_ID = UUID(int=2**128 - 1)

FeedEntry = Item | FeedCommand

COLUMNS = """n.id, e.event_id, n.type, n.category, n.title, n.body, n.url, n.image, n.actor,
    coalesce((e.document -> 'data')::text, (e.body -> 'data')::text) AS data, n.lane, n.version,
    coalesce(n.entered, n.version) AS entered, n.created_at, n.seen_at, n.read_at,
    n.archived_at, n.snoozed_until, n.trace_id"""

IS_WHOLE = """coalesce(n.entered = n.version, n.changes = '[]')
    OR n.changes -> -1 ->> 'what' IN ('return', 'unarchive')
    OR (n.changes -> -1 ->> 'what' = 'snooze' AND n.changes -> -1 ->> 'until' IS NULL)"""
"""Whether the item entered or returned to view by its latest version, and is announced whole.
Rows of notifiers before `entered` are recognized by their changes."""

HEADS = """
SELECT q.n, coalesce(i.version, 0) AS head, (SELECT value FROM epoch) AS epoch
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q(tenant, subscriber, n)
LEFT JOIN inboxes i ON i.tenant = q.tenant AND i.subscriber = q.subscriber
ORDER BY q.n
"""

WHOLE = (
    f"SELECT {COLUMNS} FROM unnest($1::uuid[]) AS q(id) "  # noqa: S608 # nothing but our own names
    "JOIN notifications n ON n.id = q.id LEFT JOIN events e ON e.id = n.event"
)

FROM_FEEDS = """
SELECT q.n, coalesce(i.version, 0) AS head, coalesce(i.unread, 0) AS unread,
    (SELECT value FROM epoch) AS epoch, coalesce(i.floor, 0) AS floor, r.*
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[])
    WITH ORDINALITY AS q(tenant, subscriber, version, after_id, n)
LEFT JOIN inboxes i ON i.tenant = q.tenant AND i.subscriber = q.subscriber
LEFT JOIN LATERAL (
    SELECT {columns}
    FROM (
        SELECT * FROM notifications m
        WHERE m.tenant = q.tenant AND m.version IS NOT NULL
            AND (i.version, '{max_id}') > (q.version, q.after_id) AND {where}
        ORDER BY {order} LIMIT {limit}
    ) n
    LEFT JOIN LATERAL (SELECT * FROM events WHERE id = n.event LIMIT 1) e ON true
) r ON true
"""
"""A feed that has nothing after its position is not read. The limit to one event of an item keeps
PostgreSQL from reading all events to join them."""
IN_ORDER = "ORDER BY n, version, id"

ITEMS_AFTER = FROM_FEEDS.format(
    columns=f"{COLUMNS}, ({IS_WHOLE}) AS is_whole, {NO_COMMAND}",
    where="m.subscriber = q.subscriber AND (m.version, m.id) > (q.version, q.after_id)",
    order="m.version, m.id",
    limit="$5",
    max_id=MAX_ID,
)
AFTER = f"{ITEMS_AFTER} UNION ALL {COMMANDS_AFTER} {IN_ORDER}"
ITEMS_NEWEST = FROM_FEEDS.format(
    columns=COLUMNS,
    where="""m.subscriber >= q.subscriber
            AND (m.subscriber, m.id) <= (q.subscriber, q.after_id)
            AND m.archived_at IS NULL AND m.snoozed_until IS NULL""",
    order="m.subscriber DESC, m.id DESC",
    limit=SNAPSHOT_SIZE,
    max_id=MAX_ID,
)
"""The subscriber is a range and sorted by, so that no index without it has the order."""
NEWEST = f"{ITEMS_NEWEST} {IN_ORDER}"


class FeedPosition(NamedTuple):
    """A position in one feed: after this version and id."""

    tenant: str
    subscriber: str
    version: int
    id: UUID = MAX_ID
    """`MAX_ID`: after every item of that version."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Items, as they are now, and commands in order of (version, id), and the inbox in the same
    snapshot. Without `more` the page reaches `head`."""

    head: int
    unread: int
    entries: Sequence[FeedEntry]
    more: bool
    next_version: int | None
    """The version of the first entry after the page."""
    traces: Mapping[UUID, str] = field(default_factory=dict[UUID, str])
    """By item id: the trace of the request with its event."""
    whole: frozenset[UUID] = frozenset()
    """Items that entered or returned to view by their version; set by `History.after`."""
    epoch: str = ""
    floor: int = 0
    """Commands up to this version are gone: a `since` below it is answered by a reset."""

    @property
    def items(self) -> list[Item]:
        return [entry for entry in self.entries if isinstance(entry, Item)]

    @property
    def commands(self) -> list[FeedCommand]:
        return [entry for entry in self.entries if isinstance(entry, FeedCommand)]

    def place_of(self, index: int) -> tuple[int, UUID]:
        """(version, id) of an entry; a command is the only entry of its version."""
        entry = self.entries[index]
        return entry.version, entry.id if isinstance(entry, Item) else MAX_ID

    def cursors(self) -> list[int]:
        """For each entry the version to resume from after it: its own, or one less while more items
        of the same version follow."""
        versions = [entry.version for entry in self.entries]
        following = [*versions[1:], self.next_version]
        return [
            version - 1 if version == then else version
            for version, then in zip(versions, following, strict=False)
        ]


class History:
    """Batched reads of feeds, which use at most half of the connection pool. Every method raises
    `StoreUnavailable`."""

    def __init__(self, database: Database, *, pool_size: int) -> None:
        self._database = database
        in_flight = max(1, pool_size // 2)
        self._after = BatchLoader(self._read_after, size=MAX_FEEDS_PER_QUERY, in_flight=in_flight)
        self._newest = BatchLoader(self._read_newest, size=MAX_FEEDS_PER_QUERY, in_flight=in_flight)

    async def after(self, position: FeedPosition) -> FeedPage:
        """Up to `PAGE_SIZE` entries after this position; fewer, with `more`, where many feeds share
        the query."""
        return await self._after.load(position)

    async def newest(self, tenant: str, subscriber: str) -> FeedPage:
        """The newest `SNAPSHOT_SIZE` items that are neither archived nor snoozed."""
        return await self._newest.load(FeedPosition(tenant, subscriber, 0))

    async def heads(self, feeds: Sequence[tuple[str, str]]) -> tuple[str, list[int]]:
        """The epoch, and the version of each (tenant, subscriber) in order; one query."""
        READS.labels("heads").inc()
        tenants, subscribers = zip(*feeds, strict=True)
        rows = await self._database.run(lambda tx: tx.fetch(HEADS, tenants, subscribers))
        return rows[0]["epoch"] or "", [row["head"] for row in rows]

    async def _read_after(self, positions: Sequence[FeedPosition]) -> list[FeedPage]:
        limit = min(PAGE_SIZE, MAX_ROWS_PER_QUERY // len(positions))
        READS.labels("after").inc()
        return await self._read(AFTER, positions, limit, limit + 1)

    async def _read_newest(self, positions: Sequence[FeedPosition]) -> list[FeedPage]:
        READS.labels("newest").inc()
        return await self._read(NEWEST, positions, SNAPSHOT_SIZE)

    async def _read(
        self, query: str, positions: Sequence[FeedPosition], limit: int, *more: int
    ) -> list[FeedPage]:
        FEEDS_READ.inc(len(positions))
        columns = [list(column) for column in zip(*positions, strict=True)]

        async def read(tx: Driver) -> list[Any]:
            await tx.execute(IN_ORDER_OF_INDEX)
            return await tx.fetch(query, *columns, *more)

        rows = await self._database.run(read)
        grouped: list[list[Any]] = [[] for _ in positions]
        for row in rows:
            grouped[row["n"] - 1].append(row)
        return [page_of(feed_rows, limit) for feed_rows in grouped]


def page_of(rows: list[Any], limit: int) -> FeedPage:
    """A page from the rows of one feed: a row without an entry where it has no items."""
    first = rows[0]
    found = [row for row in rows if row["version"] is not None]
    shown, more = found[:limit], len(found) > limit
    entries = [command_of(row) if row.get("verb") else item_of(row) for row in shown]
    following = found[limit]["version"] if more else None
    traces = {row["id"]: row["trace_id"] for row in shown}
    whole = frozenset(row["id"] for row in shown if row.get("is_whole"))
    inbox, epoch = (first["head"], first["unread"]), first["epoch"] or ""
    return FeedPage(*inbox, entries, more, following, traces, whole, epoch, first["floor"])


def item_of(row: Any) -> Item:
    """An item from a row with `COLUMNS`; its data stays the JSON text of the store."""
    data = row["data"]
    return Item(
        id=row["id"],
        event_id=row["event_id"] or "",
        type=row["type"],
        category=row["category"],
        title=row["title"],
        body=row["body"],
        url=row["url"],
        data=None if data is None else msgspec.Raw(data.encode()),
        lane=row["lane"],
        version=row["version"],
        entered=row["entered"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        read_at=row["read_at"],
        archived_at=row["archived_at"],
        snoozed_until=row["snoozed_until"],
        image=row["image"],
        actor=row["actor"],
    )
