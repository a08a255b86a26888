"""Background loops of a service, which survive an error of one round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import SystemRandom

import structlog

from clarion.telemetry.metrics import BACKGROUND_RESTARTS

log = structlog.get_logger("clarion.lifecycle")

MAX_BACKOFF_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A loop that ran this long before it crashed starts again without the wait of earlier crashes."""

_random = SystemRandom()

Loop = Callable[[], Awaitable[None]]


class BackgroundTasks:
    """Named loops. One that crashes is logged and started again after a jittered wait; one that
    returns has ended by itself."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, str] = {}
        self._stopping = False

    def start(self, name: str, coroutine_function: Loop) -> None:
        """Run this loop under this name, from now on."""
        self._states[name] = "running"
        self._tasks[name] = asyncio.create_task(
            self._supervise(name, coroutine_function), name=name
        )

    def status(self) -> dict[str, str]:
        """For each loop `running`, or a sentence that says why it is not."""
        return dict(self._states)

    async def drain(self, timeout_s: float) -> None:
        """Wait for loops that end by themselves, then stop the others; all within `timeout_s`."""
        self._stopping = True
        deadline = time.monotonic() + timeout_s
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=timeout_s)
        await self.stop(max(0.0, deadline - time.monotonic()))

    async def stop(self, timeout_s: float) -> None:
        """Cancel every loop and wait for their ends up to `timeout_s`; says what was cut."""
        self._stopping = True
        running = [task for task in self._tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        if running:
            _, cut = await asyncio.wait(running, timeout=max(timeout_s, 0.1))
            if cut:
                names = sorted(task.get_name() for task in cut)
                log.warning("background_task_cut", tasks=names, timeout_s=timeout_s)
        self._tasks.clear()

    async def _supervise(self, name: str, loop: Loop) -> None:
        crashes = 0
        while True:
            started_at = time.monotonic()
            try:
                await loop()
            except Exception as error:
                BACKGROUND_RESTARTS.labels(name).inc()
                self._states[name] = f"It crashed with {type(error).__name__}; it starts again."
                log.exception("background_task_crashed", task=name)
                healthy = time.monotonic() - started_at > HEALTHY_AFTER_S
                crashes = 1 if healthy else crashes + 1
            else:
                self._states[name] = "It has ended."
                return
            if self._stopping:
                return
            await asyncio.sleep(backoff_s(crashes))
            self._states[name] = "running"


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: full jitter up to `MAX_BACKOFF_S`."""
    return _random.uniform(0.05, min(MAX_BACKOFF_S, 0.5 * 2 ** min(failures, 10)))
