"""What a session has to do, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from clarion.contracts.frames import AnyClientFrame, ErrorFrame


@dataclass(frozen=True, slots=True)
class Continue:
    """The server's own `hello`: go on from the session's version."""


@dataclass(frozen=True, slots=True)
class Redeem:
    """Who one is, by a ticket in the address."""

    ticket: str


Work = AnyClientFrame | ErrorFrame | Continue | Redeem


class Conversation:
    """One session's work, in order."""

    __slots__ = ("task", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Work] = deque()
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Drop what was not begun."""
        self.waiting.clear()

    def call_off(self) -> None:
        """Drop what was begun too: a transaction that is not committed is rolled back."""
        if self.task is not None:
            self.task.cancel()
