"""Carrying a fault out, and the wait until an event comes through again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from chaos.causes import cause, target_of
from chaos.ground import Ground
from chaos.part import Struck
from chaos.schedule import Planned

HEAL_LIMIT_S = 90.0
READY_LIMIT_S = 30.0
"""From the end of the cause."""

Probe = Callable[[str], Awaitable[None]]
"""Sends an event under this name and returns once live clients have seen it."""


class Faults:
    """One fault at a time. `struck` is the record of all; `current` is the one under way."""

    def __init__(self, ground: Ground, probe: Probe) -> None:
        self._ground = ground
        self._probe = probe
        self.struck: list[Struck] = []
        self.current = ""
        self.unclean: list[str] = []
        """Orderly stops that did not end with status 0, and members that died by themselves."""

    async def strike(self, planned: Planned) -> Struck:
        """Do it, undo it, wait until it has healed."""
        target = target_of(planned, len(self._ground.brokers))
        self.current = f"{planned.name} ({target})"
        began_at = time.time()
        async with cause(self._ground, planned, self.unclean):
            await asyncio.sleep(planned.lasts_s)
        ended_at = time.time()
        self.current = f"{planned.name} ({target}) has ended, not healed yet"
        healed_at = await self._healed_at(planned)
        struck = Struck(planned.name, target, began_at, ended_at, healed_at)
        self.struck.append(struck)
        self.current = f"{planned.name} ({target}) has healed, not all are ready yet"
        await self._all_ready(struck)
        self.current = ""
        return struck

    async def _healed_at(self, planned: Planned) -> float | None:
        try:
            async with asyncio.timeout(HEAL_LIMIT_S):
                await self._probe(f"probe-{len(self.struck)}-{planned.name}")
        except TimeoutError:
            return None
        return time.time()

    async def _all_ready(self, struck: Struck) -> None:
        """Whether everybody says so, in time; who ended by itself is noted and started again."""
        fleet = self._ground.fleet
        for name in fleet.ended():
            self.unclean.append(f"{name} ended by itself after {struck.name}")
            fleet.members[name].start()
        unready = await fleet.unready(struck.ended_at + READY_LIMIT_S - time.time())
        if unready:
            late = ", ".join(f"{name} ({why})" for name, why in unready.items())
            self.unclean.append(f"not ready after {struck.name} of {struck.target}: {late}")
