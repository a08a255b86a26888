"""What a service waits for at its start, once."""

from __future__ import annotations

import asyncio

from clarion.errors import ConfigurationError


class FirstAttempt:
    """`settle` tells how it went; `wait` waits for that, but not for ever."""

    def __init__(self) -> None:
        self._settled = asyncio.Event()
        self._error: ConfigurationError | None = None

    async def wait(self, timeout_s: float) -> None:
        """Raises the `ConfigurationError` that it met; returns where it takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            return
        if self._error is not None:
            raise self._error

    def settle(self, error: ConfigurationError | None) -> None:
        """An attempt has ended; only the first counts."""
        if not self._settled.is_set():
            self._error = error
            self._settled.set()
