"""Monthly partitions of the big tables, by UUIDv7 range: this month's and the next two exist.

Retention drops whole partitions and never deletes single rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import lowest_id_at
from clarion.store.database import Database
from clarion.store.tables import PARTITIONED

MONTHS_AHEAD = 2

ROOM = {"notifications": " WITH (fillfactor = 50)"}
"""Storage of the partitions of a table. A command on all items of an inbox then finds room for each
new row in the same page, and writes no index: sixteen times faster for 50,000 items."""

LOCK_WAIT = "SET LOCAL lock_timeout = '200ms'"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('clarion.partitions'))"

ATTACHED = """
SELECT child.relname FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid
WHERE i.inhparent = ANY(SELECT t::regclass FROM unnest(CAST(:tables AS text[])) t)
"""
OWNER = """
SELECT quote_ident(owner.rolname) FROM pg_class c JOIN pg_roles owner ON owner.oid = c.relowner
WHERE c.oid = CAST(CAST(:table AS text) AS regclass) AND owner.rolname <> current_user
  AND pg_has_role(owner.oid, 'MEMBER')
"""
"""The role to assume, so that a partition has the owner of its table."""


def month_start(moment: datetime, months_later: int = 0) -> datetime:
    """The first instant (UTC) of the month `months_later` after that of `moment`."""
    month_index = moment.year * 12 + moment.month - 1 + months_later
    return datetime(month_index // 12, month_index % 12 + 1, 1, tzinfo=UTC)


def partition_statements(moment: datetime, tables: Iterable[str]) -> list[str]:
    """Idempotent DDL for the month of `moment` and `MONTHS_AHEAD` more."""
    statements: list[str] = []
    for later in range(MONTHS_AHEAD + 1):
        start, end = month_start(moment, later), month_start(moment, later + 1)
        for table in tables:
            statements.append(
                f"CREATE TABLE IF NOT EXISTS {table}_{start:%Y_%m} PARTITION OF {table} "
                f"FOR VALUES FROM ('{lowest_id_at(start)}') TO ('{lowest_id_at(end)}')"
            )
    return statements


@dataclass(frozen=True, slots=True)
class Partition:
    """One month of one table."""

    table: str
    start: datetime

    @property
    def name(self) -> str:
        """The name of the partition's table."""
        return f"{self.table}_{self.start:%Y_%m}"

    @property
    def statements(self) -> tuple[str, str]:
        """Create the table and then attach it. `CREATE TABLE ... PARTITION OF` would take an
        exclusive lock on the parent, behind which all readers and writers wait."""
        lower, upper = lowest_id_at(self.start), lowest_id_at(month_start(self.start, 1))
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} (LIKE {self.table} INCLUDING DEFAULTS "
            "INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS INCLUDING GENERATED)"
            + ROOM.get(self.table, ""),
            f"ALTER TABLE {self.table} ATTACH PARTITION {self.name} "
            f"FOR VALUES FROM ('{lower}') TO ('{upper}')",
        )


def needed_partitions(moment: datetime) -> list[Partition]:
    """The partitions of the month of `moment` and of the next `MONTHS_AHEAD`, by time."""
    months = [month_start(moment, later) for later in range(MONTHS_AHEAD + 1)]
    return [Partition(table.name, month) for month in months for table in PARTITIONED]


async def database_time(connection: AsyncConnection) -> datetime:
    """The database's time: it decides for all processes when a month begins."""
    return (await connection.execute(text("SELECT now()"))).scalar_one()


async def missing_partitions(connection: AsyncConnection, moment: datetime) -> list[Partition]:
    """Needed partitions that do not exist or are not attached."""
    tables = [table.name for table in PARTITIONED]
    names = await connection.execute(text(ATTACHED), {"tables": tables})
    attached = set(names.scalars())
    return [partition for partition in needed_partitions(moment) if partition.name not in attached]


def months_ahead(missing: Iterable[Partition], moment: datetime) -> int:
    """Number of consecutive months after that of `moment` whose partitions exist."""
    gaps = [partition.start for partition in missing if partition.start > month_start(moment)]
    if not gaps:
        return MONTHS_AHEAD
    first = min(gaps)
    return sum(month_start(moment, later) < first for later in range(1, MONTHS_AHEAD + 1))


async def make_partition(connection: AsyncConnection, partition: Partition) -> None:
    """Create and attach the partition, as the owner of the table if we may assume that role. Waits
    for a lock no longer than `LOCK_WAIT`."""
    await connection.execute(text(LOCK_WAIT))
    await connection.execute(text(ONE_AT_A_TIME))
    if partition.name in set(
        (await connection.execute(text(ATTACHED), {"tables": [partition.table]})).scalars()
    ):
        return
    owner = await connection.scalar(text(OWNER), {"table": partition.table})
    if owner is not None:
        await connection.execute(text(f"SET LOCAL ROLE {owner}"))
    for statement in partition.statements:
        await connection.execute(text(statement))
    if owner is not None:
        await connection.execute(text("RESET ROLE"))


async def make_partitions(database: Database, moment: datetime | None = None) -> None:
    """Create partitions that are missing at `moment` (default: the database's time), each in its
    own transaction. Raises `StoreUnavailable`."""

    async def find(connection: AsyncConnection) -> list[Partition]:
        return await missing_partitions(connection, moment or await database_time(connection))

    for partition in await database.run_core(find):
        await database.run_core(partial(make_partition, partition=partition))
