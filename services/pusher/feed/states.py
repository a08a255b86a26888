"""The two state machines of a session and their transitions.

UNAUTHENTICATED -> AUTHENTICATED -> CLOSING -> CLOSED
NOT_SUBSCRIBED -> REPLAYING <-> LIVE -> LAGGING -> REPLAYING, and ENDED from any
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeVar


class Link(Enum):
    """The state of the connection."""

    UNAUTHENTICATED = auto()
    AUTHENTICATED = auto()
    CLOSING = auto()
    CLOSED = auto()


class Stage(Enum):
    """The state of the feed."""

    NOT_SUBSCRIBED = auto()
    REPLAYING = auto()
    LIVE = auto()
    LAGGING = auto()
    ENDED = auto()


State = TypeVar("State", Link, Stage)

LINK_MOVES: Mapping[Link, frozenset[Link]] = {
    Link.UNAUTHENTICATED: frozenset({Link.AUTHENTICATED, Link.CLOSING, Link.CLOSED}),
    Link.AUTHENTICATED: frozenset({Link.CLOSING, Link.CLOSED}),
    Link.CLOSING: frozenset({Link.CLOSED}),
    Link.CLOSED: frozenset(),
}
STAGE_MOVES: Mapping[Stage, frozenset[Stage]] = {
    Stage.NOT_SUBSCRIBED: frozenset({Stage.REPLAYING, Stage.ENDED}),
    Stage.REPLAYING: frozenset({Stage.LIVE, Stage.ENDED}),
    Stage.LIVE: frozenset({Stage.REPLAYING, Stage.LAGGING, Stage.ENDED}),
    Stage.LAGGING: frozenset({Stage.REPLAYING, Stage.ENDED}),
    Stage.ENDED: frozenset(),
}


class IllegalTransition(Exception):
    """A transition that is not allowed: a defect."""

    def __init__(self, now: Enum, then: Enum) -> None:
        super().__init__(now, then)
        self.now = now
        self.then = then

    def __str__(self) -> str:
        return f"a session that is {self.now.name} cannot become {self.then.name}"


def moved(now: State, then: State, moves: Mapping[State, frozenset[State]]) -> State:
    """The new state. Raises `IllegalTransition`."""
    if then not in moves[now]:
        raise IllegalTransition(now, then)
    return then
