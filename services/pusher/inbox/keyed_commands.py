"""Commands with a key, the `Idempotency-Key` of a call or the `key` of a frame: a repeat, either
way and at any pusher, gets the first answer and is not applied again.

The key is a row that is written in the transaction of the command, so that concurrent repeats wait
for the first. A command of several transactions stores its progress in the row, and a repeat
continues from there. Keys are kept for `RETENTION`, at most the newest `MAX_KEYS` of a subscriber.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from clarion.contracts.frames import MAX_KEY_CHARACTERS
from clarion.contracts.ids import holds_control
from clarion.errors import FieldError, Invalid, StoreUnavailable
from clarion.store.database import Database, Driver
from services.pusher.inbox.change import Change, Outcome
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import take_step
from services.pusher.inbox.snooze import check_until

log = structlog.get_logger("clarion.pusher")

RETENTION = timedelta(minutes=10)
MAX_KEYS = 1_000
TRIM_EVERY_S = 60.0
BATCH = 1_000

MAKE_ROOM = """
DELETE FROM command_keys WHERE tenant = $1 AND subscriber = $2 AND at < greatest(
    now() - $3::interval,
    (SELECT at FROM command_keys WHERE tenant = $1 AND subscriber = $2
        ORDER BY at DESC OFFSET $4 LIMIT 1)
)
"""
KNOWN = "SELECT request FROM command_keys WHERE tenant = $1 AND subscriber = $2 AND key = $3"
CLAIM = """
INSERT INTO command_keys AS k (tenant, subscriber, key, request) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, subscriber, key) DO UPDATE SET key = k.key
RETURNING request, is_done, taken, up_to, version, unread, changed
"""
SAVE = """
UPDATE command_keys SET is_done = $4, taken = $5, up_to = $6, version = $7, unread = $8,
    changed = $9
WHERE tenant = $1 AND subscriber = $2 AND key = $3
"""
TRIM = """
DELETE FROM command_keys WHERE (tenant, subscriber, key) IN (
    SELECT tenant, subscriber, key FROM command_keys WHERE at < now() - $1::interval
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


def is_key(text: str) -> bool:
    """Whether a command may bear this."""
    return 1 <= len(text) <= MAX_KEY_CHARACTERS and not holds_control(text)


@dataclass(slots=True)
class Progress:
    """The progress of a keyed command: `taken` of its ids are done; `up_to` is its own, at most
    the version of the inbox when it began."""

    is_done: bool
    taken: int
    up_to: int | None
    version: int
    unread: int
    changed: int


class KeyedCommands:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, command: InboxCommand, key: str) -> Outcome:
        """As `InboxCommands.apply`, once for this key. `changes` has those of this call only.
        Raises `Invalid` for a key of another command, and, unless it is a repeat, for the end of a
        snooze."""
        outcome = Outcome()
        while True:
            step = await self._database.run(lambda tx: _step(tx, command, key))
            progress, change = step
            if change is not None:
                outcome.changes.append(change)
            if progress.is_done:
                outcome.version, outcome.unread = progress.version, progress.unread
                outcome.changed_before = progress.changed - outcome.changed
                return outcome

    async def trim(self) -> None:
        """Delete expired keys until cancelled, at jittered intervals."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * TRIM_EVERY_S)  # noqa: S311 # only spreads
            try:
                await self.trim_once()
            except StoreUnavailable as error:
                log.warning("command_keys_not_trimmed", code=error.code)

    async def trim_once(self) -> None:
        """Delete the expired keys now."""
        deleted = BATCH
        while deleted == BATCH:
            async with self._database.driver() as tx:
                status = await tx.execute(TRIM, RETENTION, BATCH)
            deleted = int(status.rpartition(" ")[2])


async def _step(tx: Driver, command: InboxCommand, key: str) -> tuple[Progress, Change | None]:
    progress = await _claim(tx, command, key)
    if progress.is_done:
        return progress, None
    up_to = command.up_to if progress.up_to is None else progress.up_to
    step = await take_step(tx, command, progress.taken, up_to)
    if step is None:  # the subscriber has no inbox
        progress.is_done = True
    else:
        progress.version, progress.unread = step.version, step.unread
        progress.changed += step.change.changed if step.change is not None else 0
        progress.taken += step.chosen
        progress.up_to = step.up_to
        progress.is_done = step.is_last
    await tx.execute(
        SAVE,
        command.tenant,
        command.subscriber,
        key,
        progress.is_done,
        progress.taken,
        progress.up_to,
        progress.version,
        progress.unread,
        progress.changed,
    )
    return progress, step.change if step is not None else None


async def _claim(tx: Driver, command: InboxCommand, key: str) -> Progress:
    request = command.digest()
    whose = (command.tenant, command.subscriber)
    await tx.execute(MAKE_ROOM, *whose, RETENTION, MAX_KEYS - 2)  # with the new one MAX_KEYS
    if command.verb == "snooze" and not await tx.fetchval(KNOWN, *whose, key):
        check_until(command.until)
    row: Any = await tx.fetchrow(CLAIM, *whose, key, request)
    if row["request"] != request:
        fault = FieldError("Idempotency-Key", "was used with another command: use a new one")
        raise Invalid(
            "The Idempotency-Key was used already.", code="idempotency_key_reused", errors=[fault]
        )
    return Progress(
        row["is_done"], row["taken"], row["up_to"], row["version"], row["unread"], row["changed"]
    )
