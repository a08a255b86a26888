"""What a session stands on: a socket below it, a process around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from services.pusher.feed.hub import Hub
from services.pusher.session.timer_wheel import TimerWheel

AnySession = TypeVar("AnySession", contravariant=True)


class SessionTransport(Protocol):
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


class SessionContext(Protocol[AnySession]):
    """What a session needs of its process."""

    hub: Hub
    timer_wheel: TimerWheel
    clock: Callable[[], float]
    heartbeat_s: float
    max_backlog_bytes: int

    def resume(self, session: AnySession, cause: str) -> None:
        """Replay from the session's version, after the work that it has already."""
        ...

    def on_session_closed(self, session: AnySession) -> None:
        """The connection is over."""
        ...
