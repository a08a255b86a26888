"""The dispatcher: one loop per source of due work.

Any number of notifiers run it at once: rows are taken with `SKIP LOCKED`, a few hundred per
transaction. Each source has a loop of its own, so that a locked table delays no other source. A row
that is always too slow does not delay the rows beside it: see `due_rows`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from clarion.errors import BusUnavailable
from clarion.lifecycle.background import backoff_s
from services.notifier import metrics
from services.notifier.failures import TookTooLong, is_transient
from services.notifier.schedule.due_source import TICK_S, DueSource

log = structlog.get_logger("clarion.notifier")

LEAST_WAIT_S = 0.02
"""The wait between rounds while another notifier locks the due rows."""
MAX_WAIT_S = 5.0


class Dispatcher:
    """Wakes when the next row is due, and every `TICK_S` for newly scheduled rows."""

    def __init__(self, sources: Sequence[DueSource]) -> None:
        self.sources = sources
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Dispatch until `stop`; failures are retried."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(self._run(source))

    async def stop(self) -> None:
        """Stop after the round in progress."""
        self._stopping.set()

    async def dispatch_due(self) -> int:
        """Take and publish all rows due now. Returns their number."""
        return sum([await self._take_all(source) for source in self.sources])

    async def _run(self, source: DueSource) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._take_all(source)
                wait_s = await until_next_s(source)
                failures = 0
            except TookTooLong as error:  # the next round takes fewer rows, or other ones
                metrics.DISPATCH_HELD.labels(source.name).inc()
                log.warning("dispatch_retried", kind=source.name, error=str(error))
                wait_s = LEAST_WAIT_S
            except Exception as error:
                failures += 1
                metrics.DISPATCH_HELD.labels(source.name).inc()
                if isinstance(error, BusUnavailable) or is_transient(error):
                    log.warning("dispatch_retried", kind=source.name, error=type(error).__name__)
                else:  # raised, it would end the loops of the other sources
                    log.exception("dispatch_failed", kind=source.name)
                wait_s = min(MAX_WAIT_S, backoff_s(failures))
            await self._sleep(wait_s)

    async def _take_all(self, source: DueSource) -> int:
        total = 0
        while not self._stopping.is_set():
            taken = await source.take()
            total += taken.rows
            if not taken.was_full:
                break
        return total

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


async def until_next_s(source: DueSource) -> float:
    """Seconds to wait for the next row of `source`, at most `TICK_S`."""
    seconds = await source.next_due_s()
    return TICK_S if seconds is None else min(TICK_S, max(LEAST_WAIT_S, seconds))
