"""The pending work of a session, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from clarion.contracts.frames import AnyClientFrame, ErrorFrame


@dataclass(frozen=True, slots=True)
class ResumeWork:
    """The server's own `hello`: replay from the session's version."""


@dataclass(frozen=True, slots=True)
class RedeemTicket:
    """Authenticate by a ticket in the URL."""

    ticket: str


WorkItem = AnyClientFrame | ErrorFrame | ResumeWork | RedeemTicket


class WorkQueue:
    __slots__ = ("_task", "pending")

    def __init__(self, first: WorkItem) -> None:
        self.pending: deque[WorkItem] = deque((first,))
        self._task: asyncio.Task[None] | None = None

    def run_by(self, task: asyncio.Task[None]) -> None:
        """The task that does the work, which `cancel` ends."""
        self._task = task

    def clear(self) -> None:
        """Drop the pending work."""
        self.pending.clear()

    def cancel(self) -> None:
        """Cancel the work in progress: an uncommitted transaction is rolled back."""
        if self._task is not None:
            self._task.cancel()
