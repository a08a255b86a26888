"""What a session has to do, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from clarion.contracts.frames import AnyClientFrame, ErrorFrame


@dataclass(frozen=True, slots=True)
class ResumeWork:
    """The server's own `hello`: go on from the session's version."""


@dataclass(frozen=True, slots=True)
class RedeemTicket:
    """Who one is, by a ticket in the address."""

    ticket: str


WorkItem = AnyClientFrame | ErrorFrame | ResumeWork | RedeemTicket


class WorkQueue:
    """One session's work, in order."""

    __slots__ = ("pending", "task")

    def __init__(self) -> None:
        self.pending: deque[WorkItem] = deque()
        self.task: asyncio.Task[None] | None = None

    def clear(self) -> None:
        """Drop what was not begun."""
        self.pending.clear()

    def cancel(self) -> None:
        """Drop what was begun too: a transaction that is not committed is rolled back."""
        if self.task is not None:
            self.task.cancel()
