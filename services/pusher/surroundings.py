"""What a session stands on: a socket below it, a process around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from services.pusher.hub import Hub
from services.pusher.timers import Wheel

if TYPE_CHECKING:
    from services.pusher.session import Session


class Wire(Protocol):
    """The socket under a session."""

    def half_close(self) -> None:
        """No more will be written; what arrives is dropped until the peer ends too."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...

    def resume_reading(self) -> None:
        """The session can take more."""
        ...


class Surroundings(Protocol):
    """What a session needs of its process."""

    hub: Hub
    wheel: Wheel
    clock: Callable[[], float]
    heartbeat_s: float
    max_backlog_bytes: int

    def resume(self, session: Session, cause: str) -> None:
        """Replay from the session's version, after the work that it has already."""
        ...

    def gone(self, session: Session) -> None:
        """The connection is over."""
        ...
