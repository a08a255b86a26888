"""Periodic maintenance: creates partitions ahead of time and trims captures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.errors import StoreUnavailable
from clarion.records.partitions import (
    Partition,
    database_time,
    make_partition,
    missing_partitions,
    months_ahead,
)
from clarion.store.conditions import driver_error
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.failures import is_transient

log = structlog.get_logger("clarion.notifier")

LOOK_EVERY_S = 30.0
TRY_EVERY_S = 3600.0
CAPTURES_EVERY_S = 60.0
RETRY_S = 5.0

TRIM_CAPTURES = """
WITH RECURSIVE t (id) AS (
  (SELECT tenant FROM captures ORDER BY tenant LIMIT 1)
  UNION ALL
  SELECT (SELECT tenant FROM captures WHERE tenant > t.id ORDER BY tenant LIMIT 1)
  FROM t WHERE t.id IS NOT NULL)
DELETE FROM captures c USING t
WHERE c.tenant = t.id AND c.id < (
  SELECT id FROM captures WHERE tenant = t.id ORDER BY id DESC OFFSET $1 LIMIT 1)
"""
"""Tenants are read from the index of captures, one step each: a tenant that publishes over AMQP
only has no row in `tenants`."""


class Housekeeper:
    """Runs on every notifier; concurrent runs are harmless."""

    def __init__(self, database: Database, *, captures_kept: int) -> None:
        self._database = database
        self._captures_kept = captures_kept
        self._stopping = asyncio.Event()
        self._next_try = 0.0
        self.is_month_missing = False
        self.months_ahead: int | None = None
        """Number of future months with partitions; None before the first check."""

    async def keep_partitions(self) -> None:
        """Keep the partitions of this month and the next two until `stop`. Failures are retried
        after an hour, or soon if the present month is missing."""
        while not self._stopping.is_set():
            is_known = await self._try(self.look)
            is_urgent = self.is_month_missing or not is_known
            await self._sleep(RETRY_S if is_urgent else LOOK_EVERY_S)

    async def keep_captures(self) -> None:
        """Keep the newest captures of each tenant until `stop`."""
        while not self._stopping.is_set():
            await self._try(self.trim)
            await self._sleep(CAPTURES_EVERY_S)

    async def stop(self) -> None:
        """End both loops."""
        self._stopping.set()

    async def look(self) -> None:
        """Check the partitions, and create missing ones unless that has just failed."""
        now, missing = await self._missing()
        self._note(missing, now)
        if missing and (self.is_month_missing or time.monotonic() >= self._next_try):
            self._next_try = time.monotonic() + TRY_EVERY_S
            await self.ensure()

    async def ensure(self) -> None:
        """Create missing partitions, each in its own transaction; failures are logged."""
        _, missing = await self._missing()
        for partition in missing:
            try:
                await self._database.run_core(partial(make_partition, partition=partition))
            except (StoreUnavailable, DBAPIError) as error:
                _log_missing(partition, driver_error(error.__cause__ or error))
        now, missing = await self._missing()
        self._note(missing, now)

    def _note(self, missing: Sequence[Partition], now: datetime) -> None:
        self.is_month_missing = any(partition.start <= now for partition in missing)
        self.months_ahead = months_ahead(missing, now)
        metrics.PARTITIONS_AHEAD.set(self.months_ahead)

    async def _missing(self) -> tuple[datetime, list[Partition]]:
        """The database's time, by which months begin for all, and the missing partitions."""
        return await self._database.run_core(_missing_now)

    async def trim(self) -> None:
        """Delete captures beyond the newest `captures_kept` of each tenant."""
        async with self._database.driver() as tx:
            await tx.execute(TRIM_CAPTURES, self._captures_kept - 1)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("housekeeping_retried", error=type(error).__name__)
            return False
        return True

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _log_missing(partition: Partition, error: BaseException) -> None:
    log.error(
        "partition_not_made",
        partition=partition.name,
        sqlstate=getattr(error, "sqlstate", None),
        error=type(error).__name__,
        detail=_why(error),
    )


def _why(error: BaseException) -> str:
    match error:
        case asyncpg.InsufficientPrivilegeError():
            return (
                "The role of this notifier may not create it: grant it the role that owns the "
                "tables, or run `clarion migrate --partitions` daily as that role."
            )
        case asyncpg.LockNotAvailableError():
            return "Another session changes the table; it is tried again."
        case _:
            return "It is tried again; `clarion migrate --partitions` makes it too."


async def _missing_now(connection: AsyncConnection) -> tuple[datetime, list[Partition]]:
    now = await database_time(connection)
    return now, await missing_partitions(connection, now)
