"""The one loop that retries work while the environment prevents it.

Which errors are retried, and how often, is decided by the caller's `on_error`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clarion.lifecycle.background import backoff_s

Result = TypeVar("Result")


class Stopped(Exception):
    """The service stops before the work was done: its message is redelivered, its row found
    again."""


class TransientRetry:
    """Back-off between tries, up to `max_wait_s`, until `stopping` is set."""

    def __init__(self, stopping: asyncio.Event, max_wait_s: float) -> None:
        self._stopping = stopping
        self._max_wait_s = max_wait_s

    async def until_possible(
        self,
        act: Callable[[], Awaitable[Result]],
        on_error: Callable[[Exception], Awaitable[None]],
        *,
        even_if_stopping: bool = False,
    ) -> Result:
        """Call `act` until it succeeds and return its result. The first try is made in any case.

        Raises what `on_error` raises, which does so for an error that is not to be retried, and
        `Stopped` instead of a further try.
        """
        failures = 0
        while True:
            try:
                return await act()
            except Exception as error:
                await on_error(error)
            wait_s = min(self._max_wait_s, backoff_s(failures))
            failures += 1
            if even_if_stopping:
                await asyncio.sleep(wait_s)
            else:
                await self._wait(wait_s)

    async def _wait(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()
        except TimeoutError:
            if not self._stopping.is_set():
                return
        raise Stopped
