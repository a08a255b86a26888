"""Whether the clock of this process agrees with the database's, which is one for all."""

from __future__ import annotations

from datetime import datetime

from clarion import clock
from clarion.errors import StoreUnavailable
from clarion.store.database import Database

MAX_DIFFERENCE_S = 5.0
"""More than clocks that are kept by NTP ever differ."""


async def check_clock(database: Database) -> str | None:
    """For readiness: None also where the database cannot be asked, which another check says."""
    try:
        return await clock_fault(database)
    except StoreUnavailable:
        return None


async def clock_fault(database: Database) -> str | None:
    """None where they agree within `MAX_DIFFERENCE_S`, the time of the question taken off."""
    before = clock.now()
    async with database.driver() as tx:
        theirs: datetime = await tx.fetchval("SELECT clock_timestamp()")
    after = clock.now()
    ahead_s, behind_s = (before - theirs).total_seconds(), (theirs - after).total_seconds()
    if max(ahead_s, behind_s) <= MAX_DIFFERENCE_S:
        return None
    word = "ahead of" if ahead_s > 0 else "behind"
    return (
        f"The clock of this machine is {max(ahead_s, behind_s):.0f} s {word} the database's: "
        "ids and times made here are wrong. Have both kept by NTP."
    )
