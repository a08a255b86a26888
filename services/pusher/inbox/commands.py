"""The commands on inbox items: read, unread, seen, archive, unarchive, snooze.

A command is one transaction that locks the inbox row and adds one version; one without an effect
adds none and is not announced. Unknown ids and ids of other subscribers are ignored.

A snoozed item is out of the inbox and does not count as unread. At `due_at` the notifier brings it
back; archiving it, or a snooze until `null`, ends the snooze. Items that return to view by a snooze
until `null` or from the archive are announced whole: a client that never held them could not show
them from their state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from clarion.contracts.item import Item, ItemState
from clarion.records import inboxes
from clarion.records.inboxes import IS_UNREAD, Head, state_of
from clarion.records.item_changes import noted
from clarion.rules.inbox import is_unread
from clarion.store.database import Database, Driver
from services.pusher.inbox.history import WHOLE, item_of
from services.pusher.inbox.snooze import check_until

encode = msgspec.json.Encoder().encode

Verb = Literal["read", "unread", "seen", "archive", "unarchive", "snooze"]

REST = "REST"
"""`by` of a REST call, in place of a session."""

MAX_CHANGED = 4_000
"""Items of one version, so that the `changed` frame stays below 1 MiB, the default maximum of
clients. A larger `up_to` takes several versions."""
MAX_ENTERED = 8
"""Items that one version may return to view: they are announced whole, each with up to 64 KiB of
`data`."""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """The assignments and the condition of a verb; `$5` is the end of a snooze."""

    assign: str
    concerns: str


COMMAND_SPECS: dict[Verb, CommandSpec] = {
    "read": CommandSpec("read_at = now(), seen_at = coalesce(seen_at, now())", "read_at IS NULL"),
    "unread": CommandSpec("read_at = NULL", "read_at IS NOT NULL"),
    "seen": CommandSpec("seen_at = now()", "seen_at IS NULL"),
    "archive": CommandSpec(
        "archived_at = now(), snoozed_until = NULL, due_at = NULL", "archived_at IS NULL"
    ),
    "unarchive": CommandSpec("archived_at = NULL", "archived_at IS NOT NULL"),
    "snooze": CommandSpec(
        "snoozed_until = $5::timestamptz, due_at = $5::timestamptz",
        "archived_at IS NULL AND snoozed_until IS DISTINCT FROM $5::timestamptz",
    ),
}

UP_TO = """
SELECT id FROM notifications
WHERE tenant = $1 AND subscriber = $2 AND version <= $3 AND {concerns}
ORDER BY version, id LIMIT $4
"""
CHANGE = """
WITH chosen AS (
    SELECT id, {is_unread} AS counted
    FROM notifications n
    WHERE tenant = $1 AND subscriber = $2 AND id = ANY($4::uuid[])
        AND version IS NOT NULL AND {concerns}
), changed AS (
    UPDATE notifications n SET {assign}, version = $3, changes = {changes}
    FROM chosen
    WHERE n.id = chosen.id AND n.id = ANY($4::uuid[])
    RETURNING n.id, n.version, n.seen_at, n.read_at, n.archived_at, n.snoozed_until,
        chosen.counted
)
SELECT id, version, seen_at, read_at, archived_at, snoozed_until, counted
FROM changed ORDER BY id
"""
"""`counted`: whether the item counted as unread before."""


@dataclass(slots=True)
class Change:
    """The changes of one version, and the inbox after it. `entered` has the whole items where they
    returned to view; `trace_id` is that of the last one's event."""

    version: int
    unread: int
    items: list[ItemState]
    entered: list[Item] = field(default_factory=list[Item])
    trace_id: str | None = None


@dataclass(slots=True)
class Outcome:
    """The inbox after a command, and its changes in order of version."""

    version: int = 0
    unread: int = 0
    changes: list[Change] = field(default_factory=list[Change])
    changed_before: int = 0
    """Items changed by earlier attempts of the same command."""

    @property
    def changed(self) -> int:
        return self.changed_before + sum(len(change.items) for change in self.changes)


class InboxCommands:
    """The commands in the store. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(
        self,
        tenant: str,
        subscriber: str,
        verb: Verb,
        *,
        ids: Sequence[UUID] | None,
        up_to: int | None,
        until: datetime | None = None,
        by: str = REST,
    ) -> Outcome:
        """Apply a verb to these ids, or to all items with a version of at most `up_to`. `by` is
        through what the subscriber does it, for the history. Raises `Invalid` where a snooze may
        not last `until` then."""
        outcome = Outcome()
        left = list(ids or ())
        deed = deed_of(tenant, subscriber, verb, until, by)
        check_until(until)
        while True:
            part = None if ids is None else left[: deed.limit]
            step = await self._database.run(
                lambda tx, part=part: take_step(tx, deed, part, up_to or 0)
            )
            if step is None:
                return outcome
            outcome.version, outcome.unread = step.version, step.unread
            if step.change is not None:
                outcome.changes.append(step.change)
            left = left[deed.limit :]
            if not left and (ids is not None or step.chosen < deed.limit):
                return outcome


@dataclass(frozen=True, slots=True)
class InboxCommand:
    """A verb for one inbox; `more` are the parameters of its rule, from `$5` on."""

    tenant: str
    subscriber: str
    verb: Verb
    by: str
    more: tuple[datetime | None, ...]

    @property
    def spec(self) -> CommandSpec:
        return COMMAND_SPECS[self.verb]

    @property
    def restores_to_view(self) -> bool:
        """Whether the items that it changes come back into view."""
        return self.verb == "unarchive" or (self.verb == "snooze" and self.more == (None,))

    @property
    def limit(self) -> int:
        """Items of one transaction."""
        return MAX_ENTERED if self.restores_to_view else MAX_CHANGED

    def note(self) -> str:
        """What the history keeps of it, as JSON."""
        until = {"until": self.more[0]} if self.more else {}
        return encode({"what": self.verb, "by": self.by, **until}).decode()


def deed_of(
    tenant: str, subscriber: str, verb: Verb, until: datetime | None, by: str
) -> InboxCommand:
    """`until` is of a snooze only."""
    return InboxCommand(tenant, subscriber, verb, by, (until,) if verb == "snooze" else ())


class _Step(NamedTuple):
    """One transaction of a command; `chosen` is how many items it looked at."""

    version: int
    unread: int
    chosen: int
    change: Change | None


async def take_step(
    tx: Driver, deed: InboxCommand, ids: Sequence[UUID] | None, up_to: int
) -> _Step | None:
    head = await inboxes.lock(tx, deed.tenant, deed.subscriber)
    if head is None:
        return None
    chosen = await _up_to(tx, deed, up_to) if ids is None else ids
    version, unread = head
    change = await _apply(tx, deed, chosen, version, unread)
    if change is not None:
        version, unread = change.version, change.unread
    return _Step(version, unread, len(chosen), change)


async def _up_to(connection: Driver, deed: InboxCommand, version: int) -> list[UUID]:
    query = UP_TO.format(concerns=deed.spec.concerns)
    feed = (deed.tenant, deed.subscriber)
    rows = await connection.fetch(query, *feed, version, deed.limit, *deed.more)
    return [row["id"] for row in rows]


async def _apply(
    connection: Driver, deed: InboxCommand, ids: Sequence[UUID], head: int, unread_before: int
) -> Change | None:
    if not ids:
        return None
    version = head + 1
    query = CHANGE.format(
        assign=deed.spec.assign,
        is_unread=IS_UNREAD.format(n="n"),
        concerns=deed.spec.concerns,
        changes=noted(version="$3::bigint", note=f"${5 + len(deed.more)}"),
    )
    feed = (deed.tenant, deed.subscriber)
    rows = await connection.fetch(query, *feed, version, list(ids), *deed.more, deed.note())
    if not rows:
        return None
    items = [state_of(row) for row in rows]
    counted = sum(row["counted"] for row in rows)
    unread = unread_before - counted + sum(is_unread(item) for item in items)
    await inboxes.advance(connection, *feed, Head(version, unread))
    change = Change(version, unread, items)
    if deed.restores_to_view:
        for row in await connection.fetch(WHOLE, [item.id for item in items]):
            change.entered.append(item_of(row))
            change.trace_id = row["trace_id"]
    return change
