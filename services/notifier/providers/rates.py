"""Rate limits of providers across all notifiers: one row per provider in PostgreSQL.

A rate of `10/s` allows one call each tenth of a second, with bursts of one second. A refused
delivery gets a time slot of its own, so that waiting deliveries do not return at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from clarion.store.database import Database

PERIODS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")

TAKE = """
INSERT INTO provider_rates AS r (provider, used_until, line_until)
VALUES ($1, clock_timestamp() + $2::interval, clock_timestamp())
ON CONFLICT (provider) DO UPDATE
SET used_until = greatest(r.used_until, clock_timestamp()) + $2::interval
WHERE r.used_until <= clock_timestamp() + $3::interval
RETURNING provider
"""

RESERVE_TURN = """
UPDATE provider_rates
SET line_until = greatest(line_until, used_until - $3::interval, clock_timestamp()) + $2::interval
WHERE provider = $1
RETURNING line_until - $2::interval
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` calls in `period_s` seconds."""

    limit: int
    period_s: float

    @property
    def step(self) -> timedelta:
        """The time between two calls of a steady stream."""
        return timedelta(seconds=self.period_s / self.limit)

    @property
    def ahead(self) -> timedelta:
        """The lead of a burst over the steady stream: the calls of one second, less one."""
        burst = max(1, int(self.limit / self.period_s))
        return (burst - 1) * self.step


def parse_rate(text: str) -> Rate | None:
    """`10/s`, `600/m` or `1000/h`; None if invalid."""
    match = _RATE.fullmatch(text)
    return Rate(int(match[1]), PERIODS_S[match[2]]) if match else None


async def acquire(database: Database, provider: str, rate: Rate) -> datetime | None:
    """None if a call may be made now, which then counts; else when to try again."""
    async with database.driver() as tx:
        if await tx.fetchval(TAKE, provider, rate.step, rate.ahead) is not None:
            return None
        turn: datetime = await tx.fetchval(RESERVE_TURN, provider, rate.step, rate.ahead)
        return turn
