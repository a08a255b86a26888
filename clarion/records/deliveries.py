"""How statements change the state of deliveries: only as `clarion.rules.delivery_states` allows.

A statement takes the states that it may find from `found_in`, so that the row's lock decides
between two writers, and the state that it writes from `move`.
"""

from __future__ import annotations

from clarion.rules import delivery_states
from clarion.rules.delivery_states import Act, IllegalMove, State
from clarion.telemetry.metrics import ILLEGAL_MOVES


def move(act: Act, current: State, to: State) -> State:
    """`to`. Raises `IllegalMove`, and counts it, where the act does not allow it."""
    try:
        return delivery_states.move(act, current, to)
    except IllegalMove:
        ILLEGAL_MOVES.inc()
        raise


def found_in(act: Act, *only: State) -> str:
    """For the `WHERE` of a statement that does `act`: the states that it may find, as an SQL list;
    `only` some of them. Raises `IllegalMove` for one that the act does not start from."""
    for state in only:
        move(act, state, next(iter(act.targets)))
    return ", ".join(f"'{state.value}'" for state in sorted(only or act.sources))


def statement(template: str, **states: str) -> str:
    """An SQL statement with what `found_in` and `move` say filled in."""
    return template.format(**states)
