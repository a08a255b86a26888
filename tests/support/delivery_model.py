"""What a delivery should be after each move, and a provider that says what it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from clarion.rules.delivery_states import MOVES, State
from clarion.rules.outcomes import Outcome, name_of
from services.notifier.providers.provider import Outgoing

moves: Counter[tuple[State, State]] = Counter()
"""Moves that were tried."""


@dataclass
class Model:
    """What the row should say. Seconds from now; they are read from the row once compared."""

    state: State
    due_s: float | None
    expires_s: float | None
    reason: str | None = None
    provider: str | None = None
    lease_s: float | None = None
    holder: int | None = None
    """The number of the claim whose lease it is."""
    rounds: int = 0
    attempts: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    may_expire_within_s: float = 0
    """How late the next try may be, with its jitter, while it is not known."""
    is_cancelled: bool = False
    """By a caller, whatever became of it then: that is kept."""

    @property
    def is_late(self) -> bool:
        """Whether it has expired."""
        return self.expires_s is not None and self.expires_s <= 0

    @property
    def is_over(self) -> bool:
        """Whether it is never tried again, once it has ended."""
        return self.is_late or self.is_cancelled

    def become(self, state: State, reason: str | None, due_s: float | None = None) -> None:
        """A move; no lease survives it."""
        assert state in MOVES[self.state], f"{self.state} became {state}"
        moves[self.state, state] += 1
        self.state, self.reason, self.due_s = state, reason, due_s
        self.lease_s = self.holder = None

    def attempted(self, provider: str, answer: Outcome) -> None:
        """One more attempt is kept."""
        self.attempts.append((len(self.attempts) + 1, provider, name_of(answer)))

    def pass_time(self, seconds: float) -> None:
        """All moments come nearer."""
        self.due_s, self.lease_s, self.expires_s = (
            None if one is None else one - seconds
            for one in (self.due_s, self.lease_s, self.expires_s)
        )


@dataclass
class Scripted:
    """A provider that says what it is told to; `during` happens while it is asked."""

    name: str
    answer: Outcome
    during: Callable[[], Awaitable[None]]
    calls: int = 0

    async def send(self, delivery: Outgoing) -> Outcome:
        """As told."""
        self.calls += 1
        await self.during()
        return self.answer

    async def close(self) -> None:
        """Nothing is open."""
