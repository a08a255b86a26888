"""Commands that bear a key, `Idempotency-Key` of a call or `key` of a frame: one that is sent
again, either way, is answered as before and not carried out a second time, by any pusher.

The key is a row of the store, written in the transaction of the command: the first that takes it
carries the command out, others wait for it. What takes several transactions keeps there how far
it is, so that whoever sends it again goes on from there. A key is kept for `KEPT` after it came,
and of one subscriber the newest `MAX_KEYS`: the oldest give way.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from clarion.contracts.frames import MAX_KEY_CHARACTERS
from clarion.contracts.ids import holds_control
from clarion.errors import FieldError, Invalid, StoreUnavailable
from clarion.store.database import Database, Driver
from services.pusher.inbox.commands import Change, Deed, Outcome, take_step
from services.pusher.inbox.snooze import check_until

log = structlog.get_logger("clarion.pusher")

KEPT = timedelta(minutes=10)
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
TAKE = """
INSERT INTO command_keys AS k (tenant, subscriber, key, request) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, subscriber, key) DO UPDATE SET key = k.key
RETURNING request, is_done, taken, version, unread, changed
"""
KEEP = """
UPDATE command_keys SET is_done = $4, taken = $5, version = $6, unread = $7, changed = $8
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
    """How far a keyed command is; `taken` of its ids have been looked at."""

    is_done: bool
    taken: int
    version: int
    unread: int
    changed: int


class KeyedCommands:
    """See the module. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carry_out(
        self, deed: Deed, ids: Sequence[UUID] | None, up_to: int | None, key: str
    ) -> Outcome:
        """As `Commands.carry_out`, once. `changes` has what this call did; the rest is that of the
        whole command. Raises `Invalid` where the key came with another one, or the first time that
        it comes its snooze may not last until then."""
        outcome = Outcome()
        while True:
            step = await self._database.run(lambda tx: _step(tx, deed, ids, up_to, key))
            progress, change = step
            if change is not None:
                outcome.changes.append(change)
            if progress.is_done:
                outcome.version, outcome.unread = progress.version, progress.unread
                outcome.before = progress.changed - outcome.changed
                return outcome

    async def trim(self) -> None:
        """Delete what is older than `KEPT`, for ever; pushers of one start do so apart."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * TRIM_EVERY_S)  # noqa: S311 # only spreads
            try:
                await self.trim_once()
            except StoreUnavailable as error:
                log.warning("command_keys_not_trimmed", code=error.code)

    async def trim_once(self) -> None:
        """Delete what is older than `KEPT` now."""
        deleted = BATCH
        while deleted == BATCH:
            async with self._database.driver() as tx:
                status = await tx.execute(TRIM, KEPT, BATCH)
            deleted = int(status.rpartition(" ")[2])


async def _step(
    tx: Driver, deed: Deed, ids: Sequence[UUID] | None, up_to: int | None, key: str
) -> tuple[Progress, Change | None]:
    progress = await _take(tx, deed, key, _digest(deed, ids, up_to))
    if progress.is_done:
        return progress, None
    part = None if ids is None else ids[progress.taken :][: deed.limit]
    step = await take_step(tx, deed, part, up_to or 0)
    if step is None:  # there is no such inbox
        progress.is_done = True
    else:
        progress.version, progress.unread = step.version, step.unread
        progress.changed += len(step.change.items) if step.change is not None else 0
        progress.taken += step.chosen
        is_last = step.chosen < deed.limit if ids is None else progress.taken >= len(ids)
        progress.is_done = is_last
    await tx.execute(
        KEEP,
        deed.tenant,
        deed.subscriber,
        key,
        progress.is_done,
        progress.taken,
        progress.version,
        progress.unread,
        progress.changed,
    )
    return progress, step.change if step is not None else None


async def _take(tx: Driver, deed: Deed, key: str, request: bytes) -> Progress:
    whose = (deed.tenant, deed.subscriber)
    await tx.execute(MAKE_ROOM, *whose, KEPT, MAX_KEYS - 2)  # with the new one MAX_KEYS
    if deed.verb == "snooze" and not await tx.fetchval(KNOWN, *whose, key):
        check_until(*deed.more)
    row: Any = await tx.fetchrow(TAKE, *whose, key, request)
    if row["request"] != request:
        fault = FieldError("Idempotency-Key", "came with another command: give each its own")
        raise Invalid(
            "The Idempotency-Key was used already.", code="idempotency_key_reused", errors=[fault]
        )
    return Progress(row["is_done"], row["taken"], row["version"], row["unread"], row["changed"])


def _digest(deed: Deed, ids: Sequence[UUID] | None, up_to: int | None) -> bytes:
    """Tells one command from another."""
    more = [one and one.timestamp() for one in deed.more]  # however it was spelled
    said = (deed.verb, more, ids, up_to)
    return hashlib.sha256(msgspec.json.encode(said)).digest()
