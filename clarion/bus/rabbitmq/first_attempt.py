"""The result of the first connection attempt, for which a service waits at its start."""

from __future__ import annotations

import asyncio

from clarion.errors import ConfigurationError


class FirstAttempt:
    """`settle` records the result; `wait` waits for it within a timeout."""

    def __init__(self) -> None:
        self._settled = asyncio.Event()
        self._error: ConfigurationError | None = None

    async def wait(self, timeout_s: float) -> None:
        """Raises the attempt's `ConfigurationError`, if any; returns after `timeout_s` in any
        case."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            return
        if self._error is not None:
            raise self._error

    def settle(self, error: ConfigurationError | None) -> None:
        """Record the end of an attempt; only the first counts."""
        if not self._settled.is_set():
            self._error = error
            self._settled.set()
