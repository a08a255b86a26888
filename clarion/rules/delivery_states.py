"""The state machine of a delivery: all legal moves.

    scheduled -> queued -> sending -> sent -> delivered

`failed` (never), `dead` (attempts used up), `bounced`, `skipped`, `cancelled` and `expired` end it;
of these `failed`, `dead`, `bounced` and `expired` can be redriven.

Every change of `deliveries.state` is one of `ACTS`, made through `clarion.records.deliveries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from clarion.errors import ClarionError


class State(StrEnum):
    """The state of a delivery in the database, the API and the metrics."""

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


@dataclass(frozen=True, slots=True)
class Act:
    """A move from any of `sources` to any of `targets`."""

    sources: frozenset[State]
    targets: frozenset[State]


def _act(*sources: State, to: tuple[State, ...]) -> Act:
    return Act(frozenset(sources), frozenset(to))


BEGIN = frozenset({State.SCHEDULED, State.QUEUED})
"""Initial states, written by planning."""

DISPATCH = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.QUEUED,))
"""Due deliveries are published: scheduled ones, lost jobs, and those whose sender died."""
EXPIRE = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.EXPIRED,))
CLAIM = _act(State.QUEUED, State.SENDING, to=(State.SENDING,))
"""A sender leases it; from another sender only after that lease has expired."""
SETTLE = _act(
    State.SENDING,
    to=(
        State.SENT,
        State.SCHEDULED,
        State.FAILED,
        State.DEAD,
        State.EXPIRED,
        State.CANCELLED,
    ),
)
"""By its sender: after an attempt, or postponed if no provider may be called."""
CANCEL = _act(State.SCHEDULED, State.QUEUED, to=(State.CANCELLED,))
"""By a caller. A delivery that is being sent is marked with the reason and made to expire; `SETTLE`
or `ABANDON` then ends it unless a provider took it."""
ABANDON = _act(State.SENDING, to=(State.CANCELLED,))
"""Its sender died after it was cancelled."""
REDRIVE = _act(State.FAILED, State.DEAD, State.BOUNCED, State.EXPIRED, to=(State.SCHEDULED,))
"""By an admin."""
SKIP = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.SKIPPED,))
"""A recheck before an attempt decided not to send it."""
ARRIVE = _act(State.SENT, to=(State.DELIVERED,))
BOUNCE = _act(State.SENT, State.DELIVERED, to=(State.BOUNCED,))

ACTS = (DISPATCH, EXPIRE, CLAIM, SETTLE, CANCEL, ABANDON, REDRIVE, SKIP, ARRIVE, BOUNCE)

MOVES: Mapping[State, frozenset[State]] = {
    state: frozenset(to for act in ACTS if state in act.sources for to in act.targets)
    for state in State
}


class IllegalMove(ClarionError):
    """A move that the act does not allow: a bug in Clarion."""

    def __init__(self, current: State, to: State) -> None:
        super().__init__(current, to)
        self.current = current
        self.to = to

    def __str__(self) -> str:
        return f"A delivery that is {self.current} cannot become {self.to}."


def move(act: Act, current: State, to: State) -> State:
    """Return `to`. Raises `IllegalMove` if the act does not allow the move."""
    if current not in act.sources or to not in act.targets:
        raise IllegalMove(current, to)
    return to
