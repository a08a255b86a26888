"""All sessions of the storm: opened, waited for, ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from bench.loads.storm_session import Seen, Session

OPENED_AT_ONCE = 100


class Sessions:
    """One for each subscriber; `seen` is what they have met with."""

    def __init__(self, subscribers: Sequence[str], ports: Sequence[int]) -> None:
        self.seen = Seen()
        self._ports = list(ports)
        self._all = [Session(self.seen, self._ports, name) for name in subscribers]

    def __len__(self) -> int:
        return len(self._all)

    @asynccontextmanager
    async def opened(self, port: int) -> AsyncIterator[None]:
        """All have caught up at this port; in the end they leave, before the loop does."""
        try:
            await self._open(port)
            yield
        finally:
            await asyncio.gather(*(one.end() for one in self._all))

    async def _open(self, port: int) -> None:
        self.prefer(port)
        for first in range(0, len(self._all), OPENED_AT_ONCE):
            group = self._all[first : first + OPENED_AT_ONCE]
            for one in group:
                one.connect()
            await self._until(lambda group=group: all(one.is_live for one in group), 60, "open")

    def prefer(self, port: int) -> None:
        """Who comes back goes there first."""
        self._ports.sort(key=lambda one: one != port)

    async def left(self, port: int, timeout_s: float) -> None:
        """Return when no session is live there any more."""
        await self._until(
            lambda: not any(one.is_live and one.port == port for one in self._all),
            timeout_s,
            "all gone",
        )

    async def back(self, timeout_s: float) -> None:
        """Return when every session is live."""
        await self._until(lambda: all(one.is_live for one in self._all), timeout_s, "all back")

    async def moved(self, port: int, timeout_s: float) -> None:
        """Return when every session is live there."""
        await self._until(
            lambda: all(one.is_live and one.port == port for one in self._all),
            timeout_s,
            "all moved",
        )

    async def reach(self, heads: Mapping[str, int], timeout_s: float) -> None:
        """Return when each has every version of its feed."""
        await self._until(
            lambda: all(one.version == heads[one.subscriber] for one in self._all),
            timeout_s,
            "all exact",
        )

    async def _until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                behind = sum(not one.is_live for one in self._all)
                raise TimeoutError(f"{what}: {behind} sessions are not live; {self.seen.wrong[:3]}")
            await asyncio.sleep(0.05)
