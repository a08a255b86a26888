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
    """A session from the view of its deadlines; times are clock times in seconds."""

    @property
    def link(self) -> Link: ...

    @property
    def write_buffer(self) -> WriteBuffer: ...

    @property
    def deadline(self) -> tuple[float, CloseCode] | None: ...

    @property
    def expires_at(self) -> float | None: ...

    @property
    def heard_at(self) -> float: ...

    reconnect_at: float | None
    ping_at: float

    def send(self, frame: AnyServerFrame) -> None: ...

    def close(self, code: CloseCode, reason: str | None = None) -> None: ...

    def close_after(self, wait_s: float, code: CloseCode) -> None: ...

    def abort(self) -> None: ...

    def set_timer(self) -> None: ...


def next_deadline(session: TimedSession) -> float:
    """The earliest deadline of an open session."""
    deadline = session.ping_at
    if session.deadline is not None:
        deadline = min(deadline, session.deadline[0])
    if session.expires_at is not None:
        deadline = min(deadline, session.expires_at)
    if session.reconnect_at is not None:
        deadline = min(deadline, session.reconnect_at)
    if session.write_buffer.paused_at is not None:
        deadline = min(deadline, session.write_buffer.paused_at + STALL_TIMEOUT_S)
    return deadline


def handle_deadline(session: TimedSession, now: float, heartbeat_s: float) -> None:
    """Act on the first deadline that has passed. A peer that is silent for two heartbeats is
    dropped, unless it reads nothing: then our pings do not reach it either."""
    if session.link is Link.CLOSING:
        session.abort()
    elif session.deadline is not None and now >= session.deadline[0]:
        session.close(session.deadline[1])
    elif session.expires_at is not None and now >= session.expires_at:
        session.close(UNAUTHORIZED, "token_expired")
    elif session.reconnect_at is not None and now >= session.reconnect_at:
        session.reconnect_at = None
        send_reconnect(session, _random.randrange(RECONNECT_JITTER_MS), RECONNECT_GRACE_S)
    elif session.write_buffer.paused_at is not None:
        _wait_for_reader(session, now, session.write_buffer.paused_at, heartbeat_s)
    elif now - session.heard_at >= 2 * heartbeat_s:
        session.abort()
    else:
        _send_heartbeat(session, now, heartbeat_s)


def _wait_for_reader(session: TimedSession, now: float, since: float, heartbeat_s: float) -> None:
    if now - since >= STALL_TIMEOUT_S:
        session.close(TOO_SLOW)
    else:
        session.ping_at = max(session.ping_at, now + heartbeat_s)
        session.set_timer()


def _send_heartbeat(session: TimedSession, now: float, heartbeat_s: float) -> None:
    if now >= session.ping_at:
        session.ping_at = now + heartbeat_s
        session.write_buffer.push(frames.PING)
    session.set_timer()


def send_reconnect(session: TimedSession, after_ms: int, wait_s: float) -> None:
    """Ask the client to reconnect after `after_ms`, and close the session after `wait_s`."""
    session.send(Reconnect(after_ms=after_ms))
    session.close_after(wait_s, GOING_AWAY)
