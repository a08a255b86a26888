"""A task that is restarted however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from clarion.bus.metrics import TASKS_RESTARTED

RESTART_S = 0.5
"""Long enough that one which fails at once does not keep the loop busy."""

log = structlog.get_logger("clarion.bus")


class SupervisedTask:
    """Runs `work` until it returns or `stop` is called. If it raises or is cancelled from elsewhere
    it is restarted, which is logged and counted."""

    def __init__(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        self._restart = None
        self._task = asyncio.create_task(self._work(), name=self._name)
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel it and do not restart it."""
        self._stopped = True
        if self._restart is not None:
            self._restart.cancel()
        if self._task is not None:
            self._task.cancel()

    async def end(self) -> None:
        """`stop`, and wait until it has ended."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopped or (error is None and not task.cancelled()):
            return
        cause = repr(error) if error is not None else "cancelled"
        log.error("bus_task_ended", task=self._name, cause=cause, exc_info=error)
        TASKS_RESTARTED.labels(self._name).inc()
        self._restart = asyncio.get_running_loop().call_later(RESTART_S, self.start)
