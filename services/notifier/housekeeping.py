"""What has to be done now and then: partitions ahead of time, captures bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import structlog

from clarion.store.database import Database
from clarion.store.partitions import ensure_partitions
from services.notifier.failures import is_condition

log = structlog.get_logger("clarion.notifier")

PARTITIONS_EVERY_S = 24 * 3600.0
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
"""Of each tenant that has captures, read from the index one step a tenant: a tenant whose services
publish over AMQP only has no row in `tenants`."""


class Housekeeper:
    """Runs on every notifier; twice does no harm."""

    def __init__(self, database: Database, *, captures_kept: int) -> None:
        self._database = database
        self._captures_kept = captures_kept
        self._stopping = asyncio.Event()

    async def keep_partitions(self) -> None:
        """This month's partitions and the next two, at start and daily, until `stop`."""
        while not self._stopping.is_set():
            await self._sleep(PARTITIONS_EVERY_S if await self._try(self.ensure()) else RETRY_S)

    async def keep_captures(self) -> None:
        """The newest captures of each tenant, until `stop`."""
        while not self._stopping.is_set():
            await self._try(self.trim())
            await self._sleep(CAPTURES_EVERY_S)

    async def stop(self) -> None:
        """End both loops."""
        self._stopping.set()

    async def ensure(self) -> None:
        """Create the partitions that are missing."""
        async with self._database.transaction() as connection:
            await ensure_partitions(connection, datetime.now(UTC))

    async def trim(self) -> None:
        """Delete captures beyond the newest `captures_kept` of each tenant."""
        async with self._database.driver() as tx:
            await tx.execute(TRIM_CAPTURES, self._captures_kept - 1)

    async def _try(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except Exception as error:
            if not is_condition(error):
                raise
            log.warning("housekeeping_held", error=type(error).__name__)
            return False
        return True

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
