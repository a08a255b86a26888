"""Monthly partitions of the big tables, by UUIDv7 range: this month's and the next two exist.

Retention drops a partition; nothing is ever deleted row by row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import lowest_id_at
from clarion.store.tables import PARTITIONED

MONTHS_AHEAD = 2


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


async def ensure_partitions(connection: AsyncConnection, moment: datetime) -> None:
    """Create what is missing; run at migration and daily by every notifier."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('clarion.partitions'))"))
    for statement in partition_statements(moment, [table.name for table in PARTITIONED]):
        await connection.execute(text(statement))
