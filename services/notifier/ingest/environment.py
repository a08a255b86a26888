"""Trying again while the environment does not allow it, without a bound, until the service stops.

Only conditions that end by themselves are waited for: no database, no broker, a lock on a table.
What is the fault of the work itself is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from clarion.errors import BusUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.failures import TookTooLong, can_plan, exceeds_limit, is_transient, root_of
from services.notifier.publish.outbox import Outbox, Publisher

log = structlog.get_logger("clarion.notifier")

MAX_WAIT_S = 5.0

Result = TypeVar("Result")


class Stopped(Exception):
    """The service stops and what is held could not be finished: it will come again."""


class Environment:
    """The database and the broker, as one worker of a lane meets them."""

    def __init__(self, lane: str, database: Database, publisher: Publisher) -> None:
        self._lane = lane
        self._database = database
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self.held = ""
        """Why nothing can be planned or published now, in a word; empty where work goes on."""

    def stop(self) -> None:
        """Wait for nothing from now on: `Stopped` is raised instead."""
        self._stopping.set()

    async def until_possible(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """What `act` returns. Raises `TookTooLong` where only this work was stopped, `Stopped`, and
        what is no condition of the database."""
        failures = 0
        while True:
            try:
                result = await act()
            except Exception as error:
                if not is_transient(error):
                    raise
                if exceeds_limit(error) and await can_plan(self._database):
                    raise TookTooLong(type(root_of(error)).__name__) from error
                self.held = type(error).__name__
                failures += 1
                metrics.PLAN_RETRIES.inc()
                log.warning("plan_held", lane=self._lane, error=self.held)
            else:
                self.held = ""
                return result
            await self._wait(failures)

    async def until_published(self, outbox: Outbox) -> None:
        """Return once the broker has what must be confirmed of `outbox`. Raises `Stopped`."""
        failures = 0
        while True:
            try:
                await self._publisher.publish(outbox)
            except BusUnavailable as error:
                self.held = error.code
                failures += 1
                metrics.PUBLISH_RETRIES.inc()
                log.warning("publish_held", lane=self._lane, reason=error.code)
            else:
                self.held = ""
                return
            await self._wait(failures)

    async def _wait(self, failures: int) -> None:
        try:
            async with asyncio.timeout(min(MAX_WAIT_S, backoff_s(failures - 1))):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise Stopped
