"""What a session depends on: its transport and its process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from services.pusher.feed.hub import Hub
from services.pusher.session.timer_wheel import TimerWheel

AnySession = TypeVar("AnySession", contravariant=True)


class SessionTransport(Protocol):
    """The connection under a session."""

    def half_close(self) -> None:
        """End writing, and discard input until the peer ends too."""
        ...

    def abort(self) -> None:
        """Drop the connection."""
        ...

    def resume_reading(self) -> None:
        """The session accepts more input."""
        ...


class SessionContext(Protocol[AnySession]):
    """The process of a session."""

    hub: Hub
    timer_wheel: TimerWheel
    clock: Callable[[], float]
    heartbeat_s: float
    max_backlog_bytes: int

    def resume(self, session: AnySession, cause: str) -> None:
        """Schedule a replay from the session's version."""
        ...

    def on_session_closed(self, session: AnySession) -> None:
        """The connection has ended."""
        ...
