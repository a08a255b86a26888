"""How often a provider may be asked, over all notifiers: one row per provider in PostgreSQL.

A rate `10/s` lets one call through each tenth of a second, and what one second allows at once. Who
is refused is told its turn in the line, so that those who wait do not all come back together.
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
        """Between two calls of a steady stream."""
        return timedelta(seconds=self.period_s / self.limit)

    @property
    def ahead(self) -> timedelta:
        """How far a burst may run ahead of the steady stream: what one second allows, less one."""
        burst = max(1, int(self.limit / self.period_s))
        return (burst - 1) * self.step


def parse_rate(text: str) -> Rate | None:
    """`10/s`, `600/m` or `1000/h`; None where it is neither."""
    match = _RATE.fullmatch(text)
    return Rate(int(match[1]), PERIODS_S[match[2]]) if match else None


async def acquire(database: Database, provider: str, rate: Rate) -> datetime | None:
    """None where a call may be made now, which is then counted; else when to ask again."""
    async with database.driver() as tx:
        if await tx.fetchval(TAKE, provider, rate.step, rate.ahead) is not None:
            return None
        turn: datetime = await tx.fetchval(RESERVE_TURN, provider, rate.step, rate.ahead)
        return turn
