"""Retries without bound while the environment prevents work, until the service stops.

Only conditions that end by themselves are retried: no database, no broker, a locked table. Faults
of the work itself are raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from clarion.errors import BusUnavailable
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.failures import TookTooLong, can_plan, exceeds_limit, is_transient, root_of
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.transient_retry import TransientRetry

log = structlog.get_logger("clarion.notifier")

MAX_WAIT_S = 5.0

Result = TypeVar("Result")


class Environment:
    """The database and the broker as seen by one worker of a lane."""

    def __init__(self, lane: str, database: Database, publisher: Publisher) -> None:
        self._lane = lane
        self._database = database
        self._publisher = publisher
        self._stopping = asyncio.Event()
        self._retry = TransientRetry(self._stopping, MAX_WAIT_S)
        self.held = ""
        """Code of the condition that prevents planning or publishing now, else empty."""

    def stop(self) -> None:
        """End all waits, present and future, with `Stopped`."""
        self._stopping.set()

    async def until_possible(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """Retry `act` and return its result. Raises `TookTooLong` if only this work exceeded a
        limit, `Stopped`, and every error that is not transient."""
        result = await self._retry.until_possible(act, self._on_failed_work)
        self.held = ""
        return result

    async def until_published(self, outbox: Outbox) -> None:
        """Retry until the broker has confirmed `outbox`. Raises `Stopped`."""
        await self._retry.until_possible(
            lambda: self._publisher.publish(outbox), self._on_failed_publish
        )
        self.held = ""

    async def _on_failed_work(self, error: Exception) -> None:
        if not is_transient(error):
            raise error
        if exceeds_limit(error) and await can_plan(self._database):
            raise TookTooLong(type(root_of(error)).__name__) from error
        self.held = type(error).__name__
        metrics.PLAN_RETRIES.inc()
        log.warning("plan_retried", lane=self._lane, error=self.held)

    async def _on_failed_publish(self, error: Exception) -> None:
        if not isinstance(error, BusUnavailable):
            raise error
        self.held = error.code
        metrics.PUBLISH_RETRIES.inc()
        log.warning("publish_retried", lane=self._lane, reason=error.code)
