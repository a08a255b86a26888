"""SQL for changes of the state of deliveries, restricted to what `clarion.rules.delivery_states`
allows.

A statement takes the states that it accepts from `found_in`, so that the row lock decides between
two writers, and the state that it writes from `move`.
"""

from __future__ import annotations

from clarion.rules import delivery_states
from clarion.rules.delivery_states import Act, IllegalMove, State
from clarion.telemetry.metrics import ILLEGAL_MOVES


def move(act: Act, current: State, to: State) -> State:
    """Return `to`. Raises `IllegalMove`, and counts it, if the act does not allow the move."""
    try:
        return delivery_states.move(act, current, to)
    except IllegalMove:
        ILLEGAL_MOVES.inc()
        raise


def found_in(act: Act, *only: State) -> str:
    """The states from which `act` starts, or only the given ones, as an SQL list for `WHERE`.
    Raises `IllegalMove` for a state from which the act does not start."""
    for state in only:
        move(act, state, next(iter(act.targets)))
    return ", ".join(f"'{state.value}'" for state in sorted(only or act.sources))


def statement(template: str, **states: str) -> str:
    """An SQL statement with the results of `found_in` and `move` filled in."""
    return template.format(**states)
