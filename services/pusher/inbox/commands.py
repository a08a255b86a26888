"""The commands on inbox items, in the store.

A command is one transaction that locks the inbox row and adds one version; one without an effect
adds none and is not announced. `read`, `seen` and `archive` with `up_to` are `up_to`'s; the other
verbs change each item that entered by then, in as many transactions as it takes. Unknown ids and
ids of other subscribers are ignored.

A snoozed item is out of the inbox and does not count as unread. At `due_at` the notifier brings it
back; archiving it, or a snooze until `null`, ends the snooze. Items that return to view by a snooze
until `null` or from the archive are announced whole: a client that never held them could not show
them from their state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from clarion.records import inboxes
from clarion.records.inboxes import IS_UNREAD, Head, state_of
from clarion.records.item_changes import append_change
from clarion.rules.inbox import is_unread
from clarion.store.database import Database, Driver
from services.pusher.inbox.change import Change, Outcome
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.history import WHOLE, item_of
from services.pusher.inbox.snooze import check_until
from services.pusher.inbox.up_to import carry_out, is_one_entry

UP_TO = """
SELECT id FROM notifications
WHERE tenant = $1 AND subscriber = $2 AND version IS NOT NULL
    AND coalesce(entered, version) <= $3 AND {concerns} AND {category}
ORDER BY version, id LIMIT $4
"""
CHANGE = """
WITH chosen AS (
    SELECT id, {is_unread} AS counted
    FROM notifications n
    WHERE tenant = $1 AND subscriber = $2 AND id = ANY($4::uuid[])
        AND version IS NOT NULL AND {concerns}
), changed AS (
    UPDATE notifications n
    SET {assign}, version = $3, entered = coalesce(n.entered, n.version), changes = {changes}
    FROM chosen
    WHERE n.id = chosen.id AND n.id = ANY($4::uuid[])
    RETURNING n.id, n.version, n.entered, n.seen_at, n.read_at, n.archived_at, n.snoozed_until,
        chosen.counted
)
SELECT id, version, entered, seen_at, read_at, archived_at, snoozed_until, counted
FROM changed ORDER BY id
"""
"""`counted`: whether the item counted as unread before."""


class InboxCommands:
    """The commands in the store. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, command: InboxCommand) -> Outcome:
        """Apply it, whatever its key. Raises `Invalid` where a snooze may not last `until` then."""
        outcome = Outcome()
        taken, up_to = 0, command.up_to
        check_until(command.until)
        while True:
            step = await self._database.run(
                lambda tx, taken=taken, up_to=up_to: take_step(tx, command, taken, up_to)
            )
            if step is None:
                return outcome
            up_to = step.up_to
            outcome.version, outcome.unread = step.version, step.unread
            if step.change is not None:
                outcome.changes.append(step.change)
            taken += step.chosen
            if step.is_last:
                return outcome


class _Step(NamedTuple):
    """One transaction of a command; `chosen` is how many items it looked at."""

    version: int
    unread: int
    chosen: int
    is_last: bool
    change: Change | None
    up_to: int | None
    """Of the command, for its next steps: what comes later is not covered."""


async def take_step(
    tx: Driver, command: InboxCommand, taken: int, up_to: int | None
) -> _Step | None:
    """The next transaction, after those that took so many items; `up_to` is the command's, or what
    the step before returned. `None` without an inbox."""
    head = await inboxes.lock(tx, command.tenant, command.subscriber)
    if head is None:
        return None
    bound = min(up_to or 0, head.version)
    chosen: Sequence[UUID] = ()
    is_last = True
    if is_one_entry(command):
        change = await carry_out(tx, command, head, bound)
    else:
        if command.ids is None:
            chosen = await _up_to(tx, command, bound)
            is_last = len(chosen) < command.limit
        else:
            chosen = command.ids[taken : taken + command.limit]
            is_last = taken + len(chosen) >= len(command.ids)
        change = await _apply(tx, command, chosen, *head)
    version, unread = (change.version, change.unread) if change is not None else head
    return _Step(version, unread, len(chosen), is_last, change, bound)


async def _up_to(connection: Driver, command: InboxCommand, bound: int) -> list[UUID]:
    parameters: list[object] = [*command.parameters]
    category = "true"
    if command.category is not None:
        parameters.append(command.category)
        category = f"category = ${4 + len(parameters)}"
    query = UP_TO.format(concerns=command.spec.concerns, category=category)
    feed = (command.tenant, command.subscriber)
    rows = await connection.fetch(query, *feed, bound, command.limit, *parameters)
    return [row["id"] for row in rows]


async def _apply(
    connection: Driver, command: InboxCommand, ids: Sequence[UUID], head: int, unread_before: int
) -> Change | None:
    if not ids:
        return None
    version = head + 1
    query = CHANGE.format(
        assign=command.spec.assign,
        is_unread=IS_UNREAD.format(n="n"),
        concerns=command.spec.concerns,
        changes=append_change(version="$3::bigint", note=f"${5 + len(command.parameters)}"),
    )
    feed = (command.tenant, command.subscriber)
    rows = await connection.fetch(
        query, *feed, version, list(ids), *command.parameters, command.note()
    )
    if not rows:
        return None
    items = [state_of(row) for row in rows]
    counted = sum(row["counted"] for row in rows)
    unread = unread_before - counted + sum(is_unread(item) for item in items)
    await inboxes.advance(connection, *feed, Head(version, unread))
    change = Change(version, unread, items)
    if command.restores_to_view:
        for row in await connection.fetch(WHOLE, [item.id for item in items]):
            change.add_entered(item_of(row), row["trace_id"])
    return change
