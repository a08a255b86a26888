"""Retries database work of senders while the environment prevents it.

Retries are unbounded only while no delivery can be written: no database, a lock on a whole table. A
row that is locked or too slow to write gives up its slot after a few tries.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from clarion.store.database import Database
from services.notifier.failures import TookTooLong, can_record, exceeds_limit, is_transient, root_of
from services.notifier.time_limits import GRACE_S
from services.notifier.transient_retry import Stopped, TransientRetry

log = structlog.get_logger("clarion.notifier")

MAX_TRIES = 3
"""Tries of work that exceeds a limit while the database answers."""

Result = TypeVar("Result")


class DeliveryWrites:
    """Runs database work of the senders of one channel."""

    def __init__(self, channel: str, database: Database, stopping: asyncio.Event) -> None:
        self._channel = channel
        self._database = database
        self._stopping = stopping
        self._retry = TransientRetry(stopping, GRACE_S)

    async def until_possible(
        self,
        act: Callable[[], Awaitable[Result]],
        *,
        even_if_stopping: bool = False,
        tries: int = MAX_TRIES,
        until: float = math.inf,
    ) -> Result:
        """Retry `act` and return its result. Raises `TookTooLong` after `tries` that exceeded a
        limit while the database answered, `Stopped`, `TimeoutError` if it failed after `until`
        (monotonic clock), and every error that is not transient."""
        if self._stopping.is_set() and not even_if_stopping:
            raise Stopped
        too_slow = 0

        async def on_error(error: Exception) -> None:
            nonlocal too_slow
            if not is_transient(error):
                raise error
            log.warning("delivery_write_retried", channel=self._channel, error=type(error).__name__)
            if exceeds_limit(error) and await can_record(self._database):
                too_slow += 1
                if too_slow == tries:
                    raise TookTooLong(type(root_of(error)).__name__) from error
            if time.monotonic() >= until:
                raise TimeoutError from error

        return await self._retry.until_possible(act, on_error, even_if_stopping=even_if_stopping)
