"""One open socket of a subscriber, as two explicit state machines (`states`): `Link` says how far
the connection is, `Stage` how far the feed is.

A session has no task, queue or timer while it is idle. `version` is the last version that it was
given: what it is offered next is written where it is `version + 1`, and never otherwise.
"""

from __future__ import annotations

from clarion.contracts.frames import AnyServerFrame
from clarion.contracts.ids import new_id
from clarion.contracts.revocation import Revocation
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.feed import Feed
from services.pusher.feed.states import LINK_MOVES, STAGE_MOVES, Link, Stage, moved
from services.pusher.metrics import CLOSES
from services.pusher.session.context import SessionContext, Wire
from services.pusher.session.deadlines import CLOSING_S, act, next_deadline
from services.pusher.session.replay_buffer import Kept
from services.pusher.session.timer_wheel import NO_TICK
from services.pusher.session.work_queue import Conversation
from services.pusher.wire import frames
from services.pusher.wire.close_codes import TOO_SLOW, UNAUTHORIZED, CloseCode
from services.pusher.wire.write_buffer import Backlog

LIVE = Stage.LIVE
"""Bound once: before Python 3.12 to look up a member of an enumeration costs as much as a call."""


class Session:
    """See the module. `feed` and `token` are set while it is `PROVEN`, and only then."""

    __slots__ = (
        "_context",
        "acknowledged",
        "backlog",
        "bucket",
        "conversation",
        "deadline",
        "epoch",
        "expires_at",
        "feed",
        "heard_at",
        "id",
        "kept",
        "leave_at",
        "link",
        "noted",
        "ping_at",
        "stage",
        "tick",
        "token",
        "version",
        "wire",
    )

    def __init__(
        self,
        context: SessionContext[Session],
        wire: Wire,
        backlog: Backlog,
        bucket: Bucket,
        ping_after_s: float,
    ) -> None:
        now = context.clock()
        self._context = context
        self.wire = wire
        self.backlog = backlog
        self.bucket = bucket
        self.id = new_id()
        self.link = Link.UNPROVEN
        self.stage = Stage.SILENT
        self.feed: Feed | None = None
        self.token: SubscriberToken | None = None
        self.version = self.acknowledged = self.noted = 0
        self.epoch: str | None = None
        self.kept: Kept | None = None
        self.conversation: Conversation | None = None
        self.expires_at: float | None = None
        self.leave_at: float | None = None
        self.heard_at = now
        self.tick = NO_TICK
        self.ping_at = now + ping_after_s
        self.deadline: tuple[float, CloseCode] | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames may still be written."""
        return self.link is Link.UNPROVEN or self.link is Link.PROVEN

    def now(self) -> float:
        """Clock time, in seconds."""
        return self._context.clock()

    def send(self, frame: AnyServerFrame) -> None:
        """Write a frame for this session alone; one that does not read its answers is closed."""
        self.write(frames.encode(frame))

    def write(self, data: bytes) -> None:
        """As `send`, for encoded bytes."""
        if not self.is_open:
            return
        if not self.backlog.offer(data):
            self.close(TOO_SLOW)

    def prove(self, feed: Feed, token: SubscriberToken, expires_at: float) -> None:
        """It is known whose session this is, and until when (clock time)."""
        self.link = moved(self.link, Link.PROVEN, LINK_MOVES)
        self.feed = feed
        self.deadline = None
        self.renew(token, expires_at)

    def renew(self, token: SubscriberToken, expires_at: float) -> None:
        """This token holds now, and ends then."""
        self.token = token
        self.expires_at = expires_at
        self.set_timer()

    def revoked(self, revocation: Revocation) -> None:
        """As `hub.Listener.revoked`; a command under way is called off."""
        token, conversation = self.token, self.conversation
        if token is not None and revocation.covers(token.issued_at, token.jti):
            self.close(UNAUTHORIZED, "token_revoked")
            if conversation is not None:
                conversation.call_off()

    def offer(self, version: int, frame: bytes) -> None:
        """As `hub.Listener.offer`."""
        if self.stage is LIVE:
            if version == self.version + 1:
                if self.backlog.offer(frame):
                    self.version = version
                else:
                    self._fall_behind("slow")
            elif version > self.version:
                self.overtaken(version)
        elif self.stage is Stage.REPLAYING and self.kept is not None:
            self.kept.add(version, frame)

    def offer_run(self, first: int, joined: bytes, count: int) -> bool:
        """As `hub.Listener.offer_run`."""
        is_next = self.stage is LIVE and first == self.version + 1
        is_taken = is_next and self.backlog.offer(joined, count)
        self.version += count if is_taken else 0
        return is_taken

    def overtaken(self, version: int) -> None:
        """As `hub.Listener.overtaken`: read what was not given."""
        if self.stage is Stage.LIVE and version > self.version:
            self.resume("gap")

    def restart(self) -> None:
        """As `hub.Listener.restart`. One that replays finds out by its next page."""
        if self.kept is not None:
            self.kept.clear()
        elif self.stage is Stage.LIVE:
            self._fall_behind("restart")

    def resume(self, cause: str) -> None:
        """Read from the store what came after `version`, in the order of the session's work."""
        if self.is_open:
            self._context.resume(self, cause)

    def _fall_behind(self, cause: str) -> None:
        self.stage = moved(self.stage, Stage.BEHIND, STAGE_MOVES)
        if self.backlog.paused_at is None:  # nobody else will wake it
            self.resume(cause)

    def begin_replay(self) -> None:
        """From now on live frames are kept, not written."""
        self.stage = moved(self.stage, Stage.REPLAYING, STAGE_MOVES)
        self.kept = Kept(self._context.max_backlog_bytes)

    def close(self, code: CloseCode, reason: str | None = None, *, broken: bool = False) -> None:
        """Say why and end; nothing else is written. `broken`: what the peer sends cannot be
        read any more, so its answer is not waited for."""
        if not self.is_open:
            return
        CLOSES.labels(str(code.code)).inc()
        self._part(frames.close(code, reason))
        if broken:
            self.wire.half_close()

    def answer_close(self, payload: bytes) -> None:
        """The peer has closed: say the same unless we were first. The wire closes by itself."""
        if self.is_open:
            self._part(frames.echo_close(payload))

    def cut(self) -> None:
        """End the connection without a word."""
        self.wire.abort()

    def lost(self) -> None:
        """The connection is gone."""
        if self.link is Link.CLOSED:
            return
        self.backlog.lose()
        self._leave(Link.CLOSED)
        self._context.wheel.cancel(self)
        self._context.gone(self)

    def _part(self, close_frame: bytes) -> None:
        self.backlog.push(close_frame)
        self._leave(Link.CLOSING)
        self.backlog.flush()
        self._context.wheel.set(self, self.now() + CLOSING_S)

    def _leave(self, link: Link) -> None:
        was_open = self.is_open
        self.link = moved(self.link, link, LINK_MOVES)
        if not was_open:
            return
        if self.feed is not None:
            self._context.hub.leave(self.feed, self)
        self.stage = moved(self.stage, Stage.ENDED, STAGE_MOVES)
        self.kept = None
        self.backlog.resume()
        if self.conversation is not None:
            self.conversation.end()

    def close_after(self, wait_s: float, code: CloseCode) -> None:
        """Close with this code unless the session is proven, or told otherwise, before."""
        self.deadline = (self.now() + wait_s, code)
        self.set_timer()

    def paused(self) -> None:
        """The peer does not keep up; it has a while to read again."""
        self.backlog.pause(self.now())
        self.set_timer()

    def unpaused(self) -> None:
        """The peer reads: it is alive, and given what it missed."""
        self.heard_at = self.now()
        self.backlog.resume()
        if self.stage is Stage.BEHIND:
            self.resume("slow")

    def set_timer(self) -> None:
        """Be called at the next deadline."""
        if self.is_open:
            self._context.wheel.set(self, next_deadline(self))

    def on_time(self, now: float) -> None:
        """As `timers.Timed.on_time`."""
        act(self, now, self._context.heartbeat_s)
