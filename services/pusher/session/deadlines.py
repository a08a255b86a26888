"""The deadlines of a session: pings, silence, token expiry, maximum age, stalled readers."""

from __future__ import annotations

from random import SystemRandom
from typing import Protocol

from clarion.contracts.frames import AnyServerFrame, Reconnect
from services.pusher.feed.states import Link
from services.pusher.wire import frames
from services.pusher.wire.close_codes import GOING_AWAY, TOO_SLOW, UNAUTHORIZED, CloseCode
from services.pusher.wire.write_buffer import WriteBuffer

STALL_TIMEOUT_S = 60.0
"""How long a peer may read nothing."""
CLOSE_TIMEOUT_S = 5.0
"""How long a peer may take to answer a close frame."""

RECONNECT_GRACE_S = 1.0
"""Between `reconnect` and the close of a session that reached its maximum age."""
RECONNECT_JITTER_MS = 5_000

_random = SystemRandom()


class TimedSession(Protocol):
    """A session from the view of its deadlines."""

    @property
    def link(self) -> Link: ...

    @property
    def write_buffer(self) -> WriteBuffer: ...

    def send(self, frame: AnyServerFrame) -> None: ...

    def close(self, code: CloseCode, reason: str | None = None) -> None: ...

    def close_after(self, wait_s: float, code: CloseCode) -> None: ...

    def abort(self) -> None: ...

    def set_timer(self) -> None: ...


class Deadlines:
    """The times of one session, in seconds of its clock. Who sets one that may be the next sets
    the session's timer too."""

    __slots__ = ("_close", "_expires_at", "_ping_at", "_received_at", "_reconnect_at")

    def __init__(self, now: float, ping_after_s: float) -> None:
        self._received_at = now
        self._ping_at = now + ping_after_s
        self._expires_at: float | None = None
        self._reconnect_at: float | None = None
        self._close: tuple[float, CloseCode] | None = None

    def on_received(self, now: float) -> None:
        """The peer showed that it is alive."""
        self._received_at = now

    def expire(self, at: float) -> None:
        """The token expires then."""
        self._expires_at = at

    def reconnect(self, at: float) -> None:
        """The session reaches its maximum age then."""
        self._reconnect_at = at

    def close(self, at: float, code: CloseCode) -> None:
        """Close with this code then."""
        self._close = at, code

    def keep_open(self) -> None:
        """Revoke `close`."""
        self._close = None

    def next(self, paused_at: float | None) -> float:
        """The earliest; `paused_at` is since when the peer reads nothing."""
        deadline = self._ping_at
        if self._close is not None:
            deadline = min(deadline, self._close[0])
        if self._expires_at is not None:
            deadline = min(deadline, self._expires_at)
        if self._reconnect_at is not None:
            deadline = min(deadline, self._reconnect_at)
        if paused_at is not None:
            deadline = min(deadline, paused_at + STALL_TIMEOUT_S)
        return deadline

    def handle(self, session: TimedSession, now: float, heartbeat_s: float) -> None:
        """Act on the first that has passed. A peer that is silent for two heartbeats is dropped,
        unless it reads nothing: then our pings do not reach it either."""
        paused_at = session.write_buffer.paused_at
        if session.link is Link.CLOSING:
            session.abort()
        elif self._close is not None and now >= self._close[0]:
            session.close(self._close[1])
        elif self._expires_at is not None and now >= self._expires_at:
            session.close(UNAUTHORIZED, "token_expired")
        elif self._reconnect_at is not None and now >= self._reconnect_at:
            self._reconnect_at = None
            send_reconnect(session, _random.randrange(RECONNECT_JITTER_MS), RECONNECT_GRACE_S)
        elif paused_at is not None:
            self._wait_for_reader(session, now, paused_at, heartbeat_s)
        elif now - self._received_at >= 2 * heartbeat_s:
            session.abort()
        else:
            self._send_heartbeat(session, now, heartbeat_s)

    def _wait_for_reader(
        self, session: TimedSession, now: float, since: float, heartbeat_s: float
    ) -> None:
        if now - since >= STALL_TIMEOUT_S:
            session.close(TOO_SLOW)
        else:
            self._ping_at = max(self._ping_at, now + heartbeat_s)
            session.set_timer()

    def _send_heartbeat(self, session: TimedSession, now: float, heartbeat_s: float) -> None:
        if now >= self._ping_at:
            self._ping_at = now + heartbeat_s
            session.write_buffer.push(frames.PING)
        session.set_timer()


def send_reconnect(session: TimedSession, after_ms: int, wait_s: float) -> None:
    """Ask the client to reconnect after `after_ms`, and close the session after `wait_s`."""
    session.send(Reconnect(after_ms=after_ms))
    session.close_after(wait_s, GOING_AWAY)
