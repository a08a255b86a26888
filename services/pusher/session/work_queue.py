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
    __slots__ = ("pending", "task")

    def __init__(self) -> None:
        self.pending: deque[WorkItem] = deque()
        self.task: asyncio.Task[None] | None = None

    def clear(self) -> None:
        """Drop the pending work."""
        self.pending.clear()

    def cancel(self) -> None:
        """Cancel the work in progress: an uncommitted transaction is rolled back."""
        if self.task is not None:
            self.task.cancel()
