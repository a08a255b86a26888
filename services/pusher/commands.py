"""What a subscriber does with items: read, unread, seen, archive.

One command is one transaction that holds the inbox row. What it changes bears one new version;
where it changes nothing there is no version and nobody hears of it. Ids of other subscribers, and
ids of nothing, are simply not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from clarion.contracts.item import ItemState
from clarion.store.database import Database, Driver

Verb = Literal["read", "unread", "seen", "archive"]

MAX_CHANGED = 4_000
"""Items that one version may change: the `changed` frame stays below a mebibyte, which is what
clients accept by default. An `up_to` that reaches further takes several versions."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a verb writes, whom it concerns, and by how much each item moves the unread count
    where `counted` holds for it."""

    assign: str
    concerns: str
    unread_step: int
    counted: Literal["archived_at", "read_at"]
    """The other column that must be unset for the item to count."""


RULES: dict[Verb, Rule] = {
    "read": Rule(
        "read_at = now(), seen_at = coalesce(seen_at, now())", "read_at IS NULL", -1, "archived_at"
    ),
    "unread": Rule("read_at = NULL", "read_at IS NOT NULL", 1, "archived_at"),
    "seen": Rule("seen_at = now()", "seen_at IS NULL", 0, "archived_at"),
    "archive": Rule("archived_at = now()", "archived_at IS NULL", -1, "read_at"),
}

LOCK = "SELECT version, unread FROM inboxes WHERE tenant = $1 AND subscriber = $2 FOR UPDATE"
MOVE = "UPDATE inboxes SET version = $3, unread = $4 WHERE tenant = $1 AND subscriber = $2"
UP_TO = """
SELECT id FROM notifications
WHERE tenant = $1 AND subscriber = $2 AND version <= $3 AND {concerns}
ORDER BY version, id LIMIT $4
"""
CHANGE = """
WITH changed AS (
    UPDATE notifications SET {assign}, version = $3
    WHERE tenant = $1 AND subscriber = $2 AND id = ANY($4::uuid[])
        AND version IS NOT NULL AND {concerns}
    RETURNING id, version, seen_at, read_at, archived_at, snoozed_until
)
SELECT * FROM changed ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction changed, and the inbox after it."""

    version: int
    unread: int
    items: list[ItemState]


@dataclass(slots=True)
class Outcome:
    """The inbox after a command, and its changes in order of version; none where none applied."""

    version: int = 0
    unread: int = 0
    changes: list[Change] = field(default_factory=list[Change])

    @property
    def changed(self) -> int:
        """How many items changed."""
        return sum(len(change.items) for change in self.changes)


class Commands:
    """State changes in the store. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carry_out(
        self,
        tenant: str,
        subscriber: str,
        verb: Verb,
        *,
        ids: Sequence[UUID] | None,
        up_to: int | None,
    ) -> Outcome:
        """Apply a verb to these ids, or to all items with a version of at most `up_to`."""
        outcome = Outcome()
        rule = RULES[verb]
        while True:
            async with self._database.driver() as connection:
                inbox = await connection.fetchrow(LOCK, tenant, subscriber)
                if inbox is None:
                    return outcome
                outcome.version, outcome.unread = inbox["version"], inbox["unread"]
                chosen = ids
                if chosen is None:
                    chosen = await _up_to(connection, tenant, subscriber, rule, up_to or 0)
                change = await _apply(connection, tenant, subscriber, rule, chosen, outcome)
            if change is not None:
                outcome.version, outcome.unread = change.version, change.unread
                outcome.changes.append(change)
            if ids is not None or len(chosen) < MAX_CHANGED:
                return outcome


async def _up_to(
    connection: Driver, tenant: str, subscriber: str, rule: Rule, version: int
) -> list[UUID]:
    query = UP_TO.format(concerns=rule.concerns)
    rows = await connection.fetch(query, tenant, subscriber, version, MAX_CHANGED)
    return [row["id"] for row in rows]


async def _apply(
    connection: Driver,
    tenant: str,
    subscriber: str,
    rule: Rule,
    ids: Sequence[UUID],
    before: Outcome,
) -> Change | None:
    if not ids:
        return None
    version = before.version + 1
    query = CHANGE.format(assign=rule.assign, concerns=rule.concerns)
    rows = await connection.fetch(query, tenant, subscriber, version, list(ids))
    if not rows:
        return None
    counted = sum(row[rule.counted] is None for row in rows)
    unread = before.unread + rule.unread_step * counted
    await connection.execute(MOVE, tenant, subscriber, version, unread)
    return Change(version, unread, [state_of(row) for row in rows])


def state_of(row: Any) -> ItemState:
    """What a command changed, from a row that it returned."""
    return ItemState(
        id=row["id"],
        version=row["version"],
        seen_at=row["seen_at"],
        read_at=row["read_at"],
        archived_at=row["archived_at"],
        snoozed_until=row["snoozed_until"],
    )
