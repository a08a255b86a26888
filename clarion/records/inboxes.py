"""Inbox heads: the version of the newest change and the number of unread items.

Every change of items locks their inbox rows first, adds to `version` and adjusts `unread` in the
same transaction, so versions have no gaps and counts match the items. Rows are locked in the order
(tenant, subscriber) to avoid deadlocks. No other module writes `inboxes`
(`tests/unit/test_owners.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from clarion.contracts.item import ItemState
from clarion.store.database import Driver

Person = tuple[str, str]
"""(tenant, subscriber)."""

IS_UNREAD = "({n}.read_at IS NULL AND {n}.archived_at IS NULL AND {n}.snoozed_until IS NULL)"
"""`clarion.rules.inbox.is_unread` in SQL; `{n}` is the alias of `notifications`."""

ADD_ITEMS = """
INSERT INTO inboxes AS i (tenant, subscriber, version, unread)
SELECT tenant, subscriber, added, added
FROM unnest($1::text[], $2::text[], $3::int[]) AS a (tenant, subscriber, added)
ORDER BY tenant, subscriber
ON CONFLICT (tenant, subscriber) DO UPDATE
SET version = i.version + excluded.version, unread = i.unread + excluded.unread
RETURNING tenant, subscriber, version, unread
"""

CREATE = """
INSERT INTO inboxes (tenant, subscriber)
SELECT tenant, subscriber FROM unnest($1::text[], $2::text[]) AS a (tenant, subscriber)
ORDER BY tenant, subscriber ON CONFLICT DO NOTHING
"""

LOCK_IDLE = """
SELECT i.tenant, i.subscriber, i.version, i.unread
FROM inboxes i JOIN unnest($1::text[], $2::text[]) AS q (tenant, subscriber)
  ON i.tenant = q.tenant AND i.subscriber = q.subscriber
ORDER BY i.tenant, i.subscriber FOR UPDATE OF i SKIP LOCKED
"""

LOCK = "SELECT version, unread FROM inboxes WHERE tenant = $1 AND subscriber = $2 FOR UPDATE"

LOCK_OF_ITEMS = """
SELECT 1 FROM inboxes i JOIN (
    SELECT DISTINCT n.tenant, n.subscriber
    FROM unnest($1::uuid[]) AS q (id) JOIN notifications n ON n.id = q.id
) p ON i.tenant = p.tenant AND i.subscriber = p.subscriber
ORDER BY i.tenant, i.subscriber FOR UPDATE OF i
"""

MARKS = "SELECT read_to, seen_to FROM inboxes WHERE tenant = $1 AND subscriber = $2"

RAISE_MARKS = """
UPDATE inboxes SET read_to = greatest(read_to, $3), seen_to = greatest(seen_to, $4),
    floor = greatest(floor, $5)
WHERE tenant = $1 AND subscriber = $2
"""

ADVANCE = "UPDATE inboxes SET version = $3, unread = $4 WHERE tenant = $1 AND subscriber = $2"


class Head(NamedTuple):
    """An inbox after its newest change."""

    version: int
    unread: int


class Marks(NamedTuple):
    """Every item with a version up to these is read, and seen: `unread` and the end of a snooze
    give an item a higher version. A command on all items looks only beyond them."""

    read_to: int = 0
    seen_to: int = 0


Heads = dict[Person, Head]


async def add_items(tx: Driver, added: Mapping[Person, int]) -> Heads:
    """Lock the inboxes (missing ones are created), advance each by its number of new unread items,
    and return the new heads."""
    tenants, subscribers = _columns(added)
    rows: Any = await tx.fetch(ADD_ITEMS, tenants, subscribers, list(added.values()))
    return _heads(rows)


async def create(tx: Driver, people: Collection[Person]) -> None:
    """Create missing inboxes, empty."""
    await tx.execute(CREATE, *_columns(people))


async def lock_idle(tx: Driver, people: Collection[Person]) -> Heads:
    """Lock the inboxes that are not locked by another transaction; the others are left out."""
    rows: Any = await tx.fetch(LOCK_IDLE, *_columns(people))
    return _heads(rows)


async def lock(tx: Driver, tenant: str, subscriber: str) -> Head | None:
    """Wait for the lock of one inbox; None if it does not exist."""
    row: Any = await tx.fetchrow(LOCK, tenant, subscriber)
    return Head(row[0], row[1]) if row is not None else None


async def advance(tx: Driver, tenant: str, subscriber: str, head: Head) -> None:
    """Write the head of an inbox that this transaction has locked."""
    await tx.execute(ADVANCE, tenant, subscriber, *head)


async def lock_of_items(tx: Driver, notifications: Sequence[UUID]) -> None:
    """Wait for the locks of the inboxes of these items."""
    await tx.execute(LOCK_OF_ITEMS, list(notifications))


async def marks(tx: Driver, tenant: str, subscriber: str) -> Marks:
    """Those of an inbox that this transaction has locked."""
    row: Any = await tx.fetchrow(MARKS, tenant, subscriber)
    return Marks(row[0], row[1])


async def raise_marks(
    tx: Driver, tenant: str, subscriber: str, to: Marks, *, floor: int = 0
) -> None:
    """Raise what is lower, of an inbox that this transaction has locked; `floor` is the highest
    version of a command that was removed."""
    await tx.execute(RAISE_MARKS, tenant, subscriber, *to, floor)


def state_of(row: Any) -> ItemState:
    """The state of an item, from a row of `notifications` with these columns."""
    return ItemState(
        id=row["id"],
        version=row["version"],
        entered=row["entered"],
        seen_at=row["seen_at"],
        read_at=row["read_at"],
        archived_at=row["archived_at"],
        snoozed_until=row["snoozed_until"],
    )


def _columns(people: Collection[Person]) -> tuple[list[str], list[str]]:
    return [tenant for tenant, _ in people], [subscriber for _, subscriber in people]


def _heads(rows: Any) -> Heads:
    return {(row[0], row[1]): Head(row[2], row[3]) for row in rows}
