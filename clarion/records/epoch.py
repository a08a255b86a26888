"""The epoch of the database: versions compare only within one epoch.

A database that is restored from a backup repeats versions with different content. The epoch is one
row for all tenants. `clarion migrate --restored` changes it, and so does a pusher that reads an
inbox older than what it has sent; clients cannot change it. A failover without data loss keeps it.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clarion.store.database import Driver

READ = """
SELECT value, began_at, ROW(pg_postmaster_start_time(), 'inboxes'::regclass::oid)::text AS server
FROM epoch
"""
NEW = """
value = left(replace(gen_random_uuid()::text, '-', ''), 16),
began_at = greatest(clock_timestamp(), {after} + interval '1 microsecond'),
inboxes_oid = 'inboxes'::regclass::oid::bigint
"""
RENEW = f"""
UPDATE epoch SET {NEW.format(after="greatest(epoch.began_at, $2::timestamptz)")}
WHERE value = $1 RETURNING value
"""  # noqa: S608 # no input
BEGIN = f"""
INSERT INTO epoch (id, value, inboxes_oid)
VALUES (1, left(replace(gen_random_uuid()::text, '-', ''), 16), 'inboxes'::regclass::oid::bigint)
ON CONFLICT (id) DO UPDATE SET {NEW.format(after="epoch.began_at")} RETURNING value
"""  # noqa: S608 # no input
IS_FROM_DUMP = "SELECT inboxes_oid <> 'inboxes'::regclass::oid::bigint FROM epoch"


class Epoch(NamedTuple):
    """The row, with an identifier of the server and tables that it was read from."""

    value: str
    began_at: datetime
    server: str


async def read_epoch(tx: Driver) -> Epoch:
    """The present epoch. Creates the row if a restore of the other tables left it out."""
    row = await tx.fetchrow(READ)
    if row is None:
        await begin_epoch(tx)
        row = await tx.fetchrow(READ)
    assert row is not None  # noqa: S101 # this transaction has written it
    return Epoch(row["value"], row["began_at"], row["server"])


async def begin_epoch(tx: Driver) -> str:
    """Begin a new epoch unconditionally."""
    return await tx.fetchval(BEGIN)


async def end_epoch(tx: Driver, value: str, known: datetime | None = None) -> bool:
    """Replace the epoch `value` by a new one; `False` if another process has replaced it already.
    The new epoch begins later than `known`, so that a process that knows that time takes it for
    newer even if the clock was set back."""
    return await tx.fetchval(RENEW, value, known) is not None


async def is_from_dump(tx: Driver) -> bool:
    """Whether the tables were restored from a dump after the epoch began."""
    return bool(await tx.fetchval(IS_FROM_DUMP))
