"""The life of a delivery as one table: every move that is legal, and no other.

    scheduled -> queued -> sending -> sent -> delivered

`failed` (never), `dead` (attempts used up), `bounced`, `skipped`, `cancelled` and `expired` end it;
`failed` and `dead` can be driven again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from clarion.errors import ClarionError
from services.notifier import metrics


class State(StrEnum):
    """As stored, as spoken in the API and as counted."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"
    BOUNCED = "bounced"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


MOVES: Mapping[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.SKIPPED, State.CANCELLED, State.EXPIRED}),
    State.QUEUED: frozenset({State.QUEUED, State.SENDING, State.CANCELLED, State.EXPIRED}),
    State.SENDING: frozenset(
        {State.SENT, State.SCHEDULED, State.QUEUED, State.FAILED, State.DEAD, State.EXPIRED}
    ),
    State.SENT: frozenset({State.DELIVERED, State.BOUNCED}),
    State.DELIVERED: frozenset({State.BOUNCED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.DEAD: frozenset({State.QUEUED}),
    State.BOUNCED: frozenset(),
    State.SKIPPED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}
"""`queued -> queued` is a job published again; `sending -> queued` rescues a send that died."""


class IllegalMove(ClarionError):
    """A move that `MOVES` does not hold: a defect of ours."""

    def __init__(self, current: State, to: State) -> None:
        super().__init__(current, to)
        self.current = current
        self.to = to

    def __str__(self) -> str:
        return f"A delivery that is {self.current} cannot become {self.to}."


def move(current: State, to: State) -> State:
    """`to`. Raises `IllegalMove`, and counts it, where the table does not allow it."""
    if to not in MOVES[current]:
        metrics.ILLEGAL_MOVES.inc()
        raise IllegalMove(current, to)
    return to


def sources_of(to: State) -> list[str]:
    """The states from which `to` may be entered, for the `WHERE` of an update."""
    return sorted(state.value for state, targets in MOVES.items() if to in targets)
