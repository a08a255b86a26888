"""One open socket of a subscriber, as two explicit state machines.

`Link` says how far the connection is, `Stage` how far the feed is:

    UNPROVEN -> PROVEN -> CLOSING -> CLOSED
    SILENT -> REPLAYING <-> LIVE -> BEHIND -> REPLAYING

A session has no task, queue or timer while it is idle. `version` is the last version that it was
given: what it is offered next is written where it is `version + 1`, and never otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol, TypeVar

from clarion.contracts.frames import AnyServerFrame, Reconnect
from clarion.contracts.ids import new_id
from services.pusher import frames
from services.pusher.backlog import Backlog
from services.pusher.close_codes import (
    AUTH_TIMEOUT,
    GOING_AWAY,
    TOO_SLOW,
    UNAUTHORIZED,
    CloseCode,
)
from services.pusher.hub import Feed, Hub
from services.pusher.kept import Kept
from services.pusher.limits import Bucket
from services.pusher.metrics import CLOSES
from services.pusher.timers import NO_TICK, Wheel

if TYPE_CHECKING:
    from services.pusher.conversation import Conversation

STALLED_S = 60.0
CLOSING_S = 5.0
"""How long a peer may take to answer a close frame before the connection is cut."""


class Link(Enum):
    """How far the connection is."""

    UNPROVEN = auto()
    PROVEN = auto()
    CLOSING = auto()
    CLOSED = auto()


class Stage(Enum):
    """How far the feed is."""

    SILENT = auto()
    REPLAYING = auto()
    LIVE = auto()
    BEHIND = auto()


State = TypeVar("State", Link, Stage)

LINK_MOVES: Mapping[Link, frozenset[Link]] = {
    Link.UNPROVEN: frozenset({Link.PROVEN, Link.CLOSING, Link.CLOSED}),
    Link.PROVEN: frozenset({Link.CLOSING, Link.CLOSED}),
    Link.CLOSING: frozenset({Link.CLOSED}),
    Link.CLOSED: frozenset(),
}
STAGE_MOVES: Mapping[Stage, frozenset[Stage]] = {
    Stage.SILENT: frozenset({Stage.REPLAYING}),
    Stage.REPLAYING: frozenset({Stage.LIVE}),
    Stage.LIVE: frozenset({Stage.REPLAYING, Stage.BEHIND}),
    Stage.BEHIND: frozenset({Stage.REPLAYING}),
}
LIVE, REPLAYING = Stage.LIVE, Stage.REPLAYING


class IllegalMove(Exception):
    """A state that cannot follow the present one: a defect."""

    def __init__(self, now: Enum, then: Enum) -> None:
        super().__init__(now, then)
        self.now = now
        self.then = then

    def __str__(self) -> str:
        return f"a session that is {self.now.name} cannot become {self.then.name}"


def moved(now: State, then: State, moves: Mapping[State, frozenset[State]]) -> State:
    """The new state. Raises `IllegalMove`."""
    if then not in moves[now]:
        raise IllegalMove(now, then)
    return then


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


class Session:
    """See the module. `feed` is set while it is `PROVEN`, and only then."""

    __slots__ = (
        "_around",
        "_deadline",
        "_ping_at",
        "_wire",
        "backlog",
        "bucket",
        "conversation",
        "expires_at",
        "feed",
        "heard_at",
        "id",
        "kept",
        "link",
        "stage",
        "tick",
        "version",
    )

    def __init__(
        self,
        around: Surroundings,
        wire: Wire,
        backlog: Backlog,
        bucket: Bucket,
        ping_after_s: float,
    ) -> None:
        now = around.clock()
        self._around = around
        self._wire = wire
        self.backlog = backlog
        self.bucket = bucket
        self.id = new_id()
        self.link = Link.UNPROVEN
        self.stage = Stage.SILENT
        self.feed: Feed | None = None
        self.version = 0
        self.kept: Kept | None = None
        self.conversation: Conversation | None = None
        self.expires_at: float | None = None
        self.heard_at = now
        self.tick = NO_TICK
        self._ping_at = now + ping_after_s
        self._deadline: tuple[float, CloseCode] | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames may still be written."""
        return self.link is Link.UNPROVEN or self.link is Link.PROVEN

    def now(self) -> float:
        """Clock time, in seconds."""
        return self._around.clock()

    def resume_reading(self) -> None:
        """Its work is done: the socket may be read on."""
        self._wire.resume_reading()

    # What is written

    def send(self, frame: AnyServerFrame) -> None:
        """Write a frame for this session alone; one that does not read its answers is closed."""
        self.write(frames.encode(frame))

    def write(self, data: bytes) -> None:
        """As `send`, for encoded bytes."""
        if not self.is_open:
            return
        if not self.backlog.offer(data):
            self.close(TOO_SLOW)

    # The feed

    def prove(self, feed: Feed, expires_at: float) -> None:
        """It is known whose session this is, and until when (clock time)."""
        self.link = moved(self.link, Link.PROVEN, LINK_MOVES)
        self.feed = feed
        self._deadline = None
        self.renew(expires_at)

    def renew(self, expires_at: float) -> None:
        """The token that holds now ends then."""
        self.expires_at = expires_at
        self._set_timer()

    def offer(self, version: int, frame: bytes) -> None:
        """As `hub.Listener.offer`."""
        if self.stage is LIVE:
            if version == self.version + 1:
                if self.backlog.offer(frame):
                    self.version = version
                else:
                    self._fall_behind()
            elif version > self.version:
                self.overtaken(version)
        elif self.stage is REPLAYING and self.kept is not None:
            self.kept.add(version, frame)

    def overtaken(self, version: int) -> None:
        """As `hub.Listener.overtaken`: read what was not given."""
        if self.stage is LIVE and version > self.version:
            self.resume("gap")

    def restart(self) -> None:
        """As `hub.Listener.restart`."""
        if self.stage is LIVE:
            self.resume("restart")

    def resume(self, cause: str) -> None:
        """Read from the store what came after `version`, in the order of the session's work."""
        if self.is_open:
            self._around.resume(self, cause)

    def _fall_behind(self) -> None:
        self.stage = moved(self.stage, Stage.BEHIND, STAGE_MOVES)
        if self.backlog.paused_at is None:  # a burst within one turn: nobody will wake it
            self.resume("slow")

    def begin_replay(self) -> None:
        """From now on live frames are kept, not written."""
        self.stage = moved(self.stage, Stage.REPLAYING, STAGE_MOVES)
        self.kept = Kept(self._around.max_backlog_bytes)

    def go_live(self, version: int) -> list[tuple[int, bytes]]:
        """What was kept and follows `version` is written; returns what is ahead of it still."""
        kept = self.kept.in_order() if self.kept is not None else []
        self.stage = moved(self.stage, Stage.LIVE, STAGE_MOVES)
        self.kept = None
        self.version = version
        for position, (one, frame) in enumerate(kept):
            if one > self.version + 1:
                return kept[position:]
            self.offer(one, frame)
        return []

    # The end

    def close(self, code: CloseCode, reason: str | None = None, *, broken: bool = False) -> None:
        """Say why and end; nothing else is written. `broken`: what the peer sends cannot be
        read any more, so its answer is not waited for."""
        if not self.is_open:
            return
        CLOSES.labels(str(code.code)).inc()
        self.backlog.push(frames.close(code, reason))
        self._leave(Link.CLOSING)
        self.backlog.flush()
        if broken:
            self._wire.half_close()
        self._around.wheel.set(self, self.now() + CLOSING_S)

    def answer_close(self, payload: bytes) -> None:
        """The peer has closed: say the same unless we were first. The wire closes by itself."""
        if self.is_open:
            self.backlog.push(frames.echo_close(payload))
            self._leave(Link.CLOSING)
            self.backlog.flush()
            self._around.wheel.set(self, self.now() + CLOSING_S)

    def cut(self) -> None:
        """End the connection without a word."""
        self._wire.abort()

    def lost(self) -> None:
        """The connection is gone."""
        if self.link is Link.CLOSED:
            return
        self._leave(Link.CLOSED)
        self._around.wheel.cancel(self)
        self._around.gone(self)

    def _leave(self, link: Link) -> None:
        self.link = moved(self.link, link, LINK_MOVES)
        if self.feed is not None:
            self._around.hub.leave(self.feed, self)
        self.kept = None
        self.backlog.resume()
        if self.conversation is not None:
            self.conversation.end()

    # Time

    def wait_for_token(self, timeout_s: float) -> None:
        """Close unless a token comes in time."""
        self._deadline = (self.now() + timeout_s, AUTH_TIMEOUT)
        self._set_timer()

    def depart(self, after_ms: int, wait_s: float) -> None:
        """Say when to come back, and close after a wait."""
        self.send(Reconnect(after_ms=after_ms))
        self._deadline = (self.now() + wait_s, GOING_AWAY)
        if self.is_open:
            self._set_timer()

    def on_time(self, now: float) -> None:
        """As `timers.Timed.on_time`."""
        if self.link is Link.CLOSING:
            self._wire.abort()
        elif self._deadline is not None and now >= self._deadline[0]:
            self.close(self._deadline[1])
        elif self.expires_at is not None and now >= self.expires_at:
            self.close(UNAUTHORIZED, "token_expired")
        elif self.backlog.paused_at is not None:
            self._wait_for_reader(now, self.backlog.paused_at)
        elif now - self.heard_at >= 2 * self._around.heartbeat_s:
            self._wire.abort()
        else:
            self._beat(now)

    def paused(self) -> None:
        """The peer does not keep up; it has `STALLED_S` to read again."""
        self.backlog.pause(self.now())
        if self.is_open:
            self._set_timer()

    def unpaused(self) -> None:
        """The peer reads: it is alive, and given what it missed."""
        self.heard_at = self.now()
        self.backlog.resume()
        if self.stage is Stage.BEHIND:
            self.resume("slow")

    def _wait_for_reader(self, now: float, since: float) -> None:
        if now - since >= STALLED_S:
            self.close(TOO_SLOW)
        else:
            self._ping_at = max(self._ping_at, now + self._around.heartbeat_s)
            self._set_timer()

    def _beat(self, now: float) -> None:
        if now >= self._ping_at:
            self._ping_at = now + self._around.heartbeat_s
            self.backlog.push(frames.PING)
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self._ping_at
        if self._deadline is not None:
            deadline = min(deadline, self._deadline[0])
        if self.expires_at is not None:
            deadline = min(deadline, self.expires_at)
        if self.backlog.paused_at is not None:
            deadline = min(deadline, self.backlog.paused_at + STALLED_S)
        self._around.wheel.set(self, deadline)
