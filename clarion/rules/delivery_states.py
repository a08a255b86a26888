"""The life of a delivery as one table: every move that is legal, and no other.

    scheduled -> queued -> sending -> sent -> delivered

`failed` (never), `dead` (attempts used up), `bounced`, `skipped`, `cancelled` and `expired` end it;
of these `failed`, `dead`, `bounced` and `expired` can be driven again.

Whoever changes `deliveries.state` does one of `ACTS`, through `clarion.records.deliveries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from clarion.errors import ClarionError


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


@dataclass(frozen=True, slots=True)
class Act:
    """From any of `sources` to any of `targets`."""

    sources: frozenset[State]
    targets: frozenset[State]


def _act(*sources: State, to: tuple[State, ...]) -> Act:
    return Act(frozenset(sources), frozenset(to))


BEGIN = frozenset({State.SCHEDULED, State.QUEUED})
"""What planning writes."""

DISPATCH = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.QUEUED,))
"""What is due is published (again): what waited, what was lost, whose sender died."""
EXPIRE = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.EXPIRED,))
CLAIM = _act(State.QUEUED, State.SENDING, to=(State.SENDING,))
"""A sender takes it for a lease; from another only once that one's lease is over."""
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
"""By its sender, after an attempt, or untried where no provider may be asked."""
CANCEL = _act(State.SCHEDULED, State.QUEUED, to=(State.CANCELLED,))
"""By a caller. One that is being sent is made to expire, with this as its reason: `SETTLE` or
`ABANDON` ends it where it was not taken."""
ABANDON = _act(State.SENDING, to=(State.CANCELLED,))
"""Its sender died, and it was cancelled meanwhile."""
REDRIVE = _act(State.FAILED, State.DEAD, State.BOUNCED, State.EXPIRED, to=(State.SCHEDULED,))
"""By an admin."""
SKIP = _act(State.SCHEDULED, State.QUEUED, State.SENDING, to=(State.SKIPPED,))
"""It is no longer to be sent: found when it is claimed, before every attempt."""
ARRIVE = _act(State.SENT, to=(State.DELIVERED,))
BOUNCE = _act(State.SENT, State.DELIVERED, to=(State.BOUNCED,))

ACTS = (DISPATCH, EXPIRE, CLAIM, SETTLE, CANCEL, ABANDON, REDRIVE, SKIP, ARRIVE, BOUNCE)

MOVES: Mapping[State, frozenset[State]] = {
    state: frozenset(to for act in ACTS if state in act.sources for to in act.targets)
    for state in State
}


class IllegalMove(ClarionError):
    """A move that the act does not hold: a defect of ours."""

    def __init__(self, current: State, to: State) -> None:
        super().__init__(current, to)
        self.current = current
        self.to = to

    def __str__(self) -> str:
        return f"A delivery that is {self.current} cannot become {self.to}."


def move(act: Act, current: State, to: State) -> State:
    """`to`. Raises `IllegalMove` where the act does not allow it."""
    if current not in act.sources or to not in act.targets:
        raise IllegalMove(current, to)
    return to
