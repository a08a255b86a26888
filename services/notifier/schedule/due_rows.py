"""The rows of one round of due work, isolating rows that are too slow.

Rows of all tenants are taken together, so a row that exceeds a limit of the database (a slow
trigger, a locked row) rolls all of them back. The next round then takes the first row alone. If
that is too slow while the database answers, the row is skipped for a while and its tenant for a
moment, so that rows of other tenants proceed however many slow rows it has. Nothing is lost:
skipped rows stay due.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import structlog

from clarion.records.deliveries import statement
from clarion.store.database import Database, Driver
from services.notifier import metrics
from services.notifier.failures import TookTooLong, can_plan, exceeds_limit, root_of

log = structlog.get_logger("clarion.notifier")

LIMIT = 500
"""Rows of one source in one transaction."""

NEXT_DUE = "SELECT extract(epoch FROM ({earliest}) - clock_timestamp())::float8"
"""In seconds, by the clock of the database, which decides when a row is due."""

PASS_S = 60.0
"""How long a slow row is skipped; doubled each time."""
MAX_PASSES = 8
"""The longest skip, in units of `PASS_S`."""
MAX_PASSED = 1_000
"""Remembered slow rows; the oldest is dropped first."""

REST_S = 2.0
"""How long the tenant of a slow row is skipped, so that rows of other tenants proceed."""

T = TypeVar("T")


class Portion(NamedTuple):
    """The limits of one transaction: the first parameters of every query for due rows."""

    limit: int
    without: Sequence[UUID] = ()
    """Rows to skip."""
    without_tenants: Sequence[str] = ()


class DueRows:
    """The batch size and the skipped rows of one kind of due work."""

    def __init__(self, kind: str, database: Database) -> None:
        self.limit = LIMIT
        """Rows of the next round: one after a slow round, then doubled each time."""
        self._kind = kind
        self._database = database
        self._until: dict[UUID, float] = {}
        self._passes: dict[UUID, int] = {}
        self._rest_until: dict[str, float] = {}

    async def next_due_s(self, earliest: str) -> float | None:
        """Seconds until the time that the query `earliest` finds. None if it finds none, or if rows
        are passed over for now and therefore stay due."""
        async with self._database.driver() as tx:
            seconds: float | None = await tx.fetchval(statement(NEXT_DUE, earliest=earliest))
        return None if any(self._portion()[1:]) else seconds

    async def take(
        self,
        work: Callable[[Driver, Portion], Awaitable[T]],
        find: Callable[[Driver, Portion], Awaitable[Sequence[Any]]],
    ) -> T:
        """The outcome of `work` in a transaction. `find` only reads what `work` would take, in the
        same order: each row's id and tenant first.

        Raises `TookTooLong` where a limit was exceeded while the database answered: the next round
        takes less, or other rows. Other errors as `Database.run`.
        """
        which = self._portion()
        try:
            outcome = await self._database.run(lambda tx: work(tx, which))
        except Exception as error:
            if not exceeds_limit(error) or not await can_plan(self._database):
                raise
            if which.limit == 1:
                for row in await self._database.run(lambda tx: find(tx, which)):
                    self._pass_over(row[0], row[1])
            self.limit = 1
            raise TookTooLong(type(root_of(error)).__name__) from error
        self.limit = min(LIMIT, 2 * self.limit)
        return outcome

    def _portion(self) -> Portion:
        now = time.monotonic()
        rows = [row for row, until in self._until.items() if until > now]
        tenants = [tenant for tenant, until in self._rest_until.items() if until > now]
        return Portion(self.limit, rows, tenants)

    def _pass_over(self, row: UUID, tenant: str) -> None:
        now = time.monotonic()
        passes = min(MAX_PASSES, 2 * self._passes.pop(row, 0) or 1)
        self._until.pop(row, None)
        if len(self._until) == MAX_PASSED:
            forgotten = next(iter(self._until))
            del self._until[forgotten], self._passes[forgotten]
        self._passes[row] = passes
        self._until[row] = now + passes * PASS_S
        self._rest_until = {
            tenant: until for tenant, until in self._rest_until.items() if until > now
        }
        self._rest_until[tenant] = now + REST_S
        metrics.DUE_ROWS_TOO_SLOW.labels(self._kind).inc()
        log.warning("due_row_too_slow", kind=self._kind, row=str(row), for_s=passes * PASS_S)


def counted(kind: str, rows: int) -> int:
    """`rows`, counted as dispatched."""
    if rows:
        metrics.DISPATCHED.labels(kind).inc(rows)
    return rows
