"""The watchdog: compares expected consumers with those that the broker confirmed.

Consumers normally recreate themselves (`consumer`). This covers unforeseen cases: a consumer still
missing after a while although the broker answers. An outage of the broker is not such a case.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from clarion.bus.metrics import CONSUMERS_MISSING
from clarion.bus.rabbitmq.supervised_task import SupervisedTask

EVERY_S = 10.0
UNREADY_AFTER_S = 30.0
LOST_AFTER_S = 120.0

log = structlog.get_logger("clarion.bus")


class ConsumerWatchdog:
    """`find_missing` names the queues that have no consumer of ours while the broker answers."""

    def __init__(
        self, find_missing: Callable[[], list[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find_missing = find_missing
        self._clock = clock
        self._since: dict[str, float] = {}
        self._task = SupervisedTask("bus-watch", self._run)

    def start(self) -> None:
        """Look every `EVERY_S`, until `stop`."""
        self._task.start()

    def stop(self) -> None:
        """Stop checking."""
        self._task.stop()
        self._since.clear()

    def look(self) -> None:
        """Compare once. One that is there again, or whose broker is away, is forgotten."""
        now = self._clock()
        missing = self._find_missing()
        for name in missing:
            if name not in self._since:
                log.warning("bus_consumer_missing", queue=name)
        self._since = {name: self._since.get(name, now) for name in missing}
        CONSUMERS_MISSING.set(len(missing))

    def why_not(self) -> str:
        """A sentence where a consumer has been missing for `UNREADY_AFTER_S`."""
        return self._missing_for(UNREADY_AFTER_S)

    def lost(self) -> str:
        """A sentence where one has been missing for `LOST_AFTER_S`."""
        return self._missing_for(LOST_AFTER_S)

    def _missing_for(self, seconds: float) -> str:
        now = self._clock()
        names = [name for name, since in self._since.items() if now - since >= seconds]
        if not names:
            return ""
        return f"No consumer on {', '.join(names)} for {seconds:g} s, although the broker answers."

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()
