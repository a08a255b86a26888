"""One open connection of a subscriber, as two state machines (`states`): `Link` for the connection,
`Stage` for the feed.

An idle session has no task, queue or timer. `version` is that of the last accepted frame: only
`version + 1` is ever written next, which `accept` decides. Others read this state, but do not write
it; the one exception is the innermost loop of `FanOut`.
"""

from __future__ import annotations

from clarion.contracts.frames import AnyServerFrame
from clarion.contracts.revocation import Revocation
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.feed import Feed
from services.pusher.feed.states import LINK_MOVES, STAGE_MOVES, Link, Stage, moved
from services.pusher.metrics import CLOSES
from services.pusher.session.context import SessionContext, SessionTransport
from services.pusher.session.deadlines import CLOSE_TIMEOUT_S, Deadlines
from services.pusher.session.replay_buffer import ReplayBuffer
from services.pusher.session.session_state import SessionState
from services.pusher.session.timer_wheel import NO_TICK
from services.pusher.wire import frames
from services.pusher.wire.close_codes import TOO_SLOW, UNAUTHORIZED, CloseCode
from services.pusher.wire.write_buffer import WriteBuffer

LIVE = Stage.LIVE
"""Bound once: before Python 3.12 the look-up of an enum member costs as much as a call."""


class Session(SessionState):
    """A session with what it does. `feed` and `token` are set once it is `AUTHENTICATED`."""

    __slots__ = ("_context", "bucket", "deadlines", "tick", "transport", "write_buffer")

    def __init__(
        self,
        context: SessionContext[Session],
        transport: SessionTransport,
        write_buffer: WriteBuffer,
        bucket: Bucket,
        ping_after_s: float,
    ) -> None:
        super().__init__()
        self._context = context
        self.transport = transport
        self.write_buffer = write_buffer
        self.bucket = bucket
        self.deadlines = Deadlines(context.clock(), ping_after_s)
        self.tick = NO_TICK

    def now(self) -> float:
        """Clock time in seconds."""
        return self._context.clock()

    def send(self, frame: AnyServerFrame) -> None:
        """Write a frame to this session alone; closes it where its write buffer is full."""
        self.write(frames.encode(frame))

    def write(self, data: bytes) -> None:
        """As `send`, for encoded bytes."""
        if not self.is_open:
            return
        if not self.write_buffer.offer(data):
            self.close(TOO_SLOW)

    def authenticate(self, feed: Feed, token: SubscriberToken, expires_at: float) -> None:
        """Bind the session to a subscriber until `expires_at` (clock time)."""
        self.link = moved(self.link, Link.AUTHENTICATED, LINK_MOVES)
        self.feed = feed
        self.deadlines.keep_open()
        self.renew_token(token, expires_at)

    def renew_token(self, token: SubscriberToken, expires_at: float) -> None:
        """Replace the token."""
        self.token = token
        self.deadlines.expire(expires_at)
        self.set_timer()

    def on_revoked(self, revocation: Revocation) -> None:
        """As `Listener.on_revoked`; cancels the command in progress."""
        token, work_queue = self.token, self.work_queue
        if token is not None and revocation.covers(token.issued_at, token.jti):
            self.close(UNAUTHORIZED, "token_revoked")
            if work_queue is not None:
                work_queue.cancel()

    def accept(self, first: int, joined: bytes, count: int = 1) -> bool:
        """As `Listener.accept`."""
        is_next = self.stage is LIVE and first == self.version + 1
        is_taken = is_next and self.write_buffer.offer(joined, count)
        self.version += count if is_taken else 0
        return is_taken

    def offer(self, version: int, frame: bytes) -> None:
        """As `Listener.offer`."""
        if self.accept(version, frame):
            return
        if self.stage is LIVE and version == self.version + 1:  # the write buffer is full
            self._lag("slow")
        elif self.replay_buffer is not None:
            self.replay_buffer.add(version, frame)
        else:
            self.on_overtaken(version)

    def on_overtaken(self, version: int) -> None:
        """As `Listener.on_overtaken`: replay the missing frames."""
        if self.stage is Stage.LIVE and version > self.version:
            self.resume("gap")

    def on_history_changed(self) -> None:
        """As `Listener.on_history_changed`. A replay notices it by its next page."""
        if self.replay_buffer is not None:
            self.replay_buffer.clear()
        elif self.stage is Stage.LIVE:
            self._lag("restart")

    def resume(self, cause: str) -> None:
        """Schedule a replay of everything after `version`."""
        if self.is_open:
            self._context.resume(self, cause)

    def _lag(self, cause: str) -> None:
        self.stage = moved(self.stage, Stage.LAGGING, STAGE_MOVES)
        if self.write_buffer.paused_at is None:  # else `on_writing_resumed` does it
            self.resume(cause)

    def begin_replay(self) -> None:
        """Buffer live frames from now on."""
        self.stage = moved(self.stage, Stage.REPLAYING, STAGE_MOVES)
        self.replay_buffer = ReplayBuffer(self._context.max_backlog_bytes)

    def go_live(self, version: int) -> list[tuple[int, bytes]]:
        """Write the buffered frames that follow `version`; returns those after a gap."""
        buffered = self.replay_buffer.in_order() if self.replay_buffer is not None else []
        self.stage = moved(self.stage, Stage.LIVE, STAGE_MOVES)
        self.replay_buffer = None
        self.version = version
        for position, (next_version, frame) in enumerate(buffered):
            if next_version > self.version + 1:
                return buffered[position:]
            self.offer(next_version, frame)
        return []

    def close(self, code: CloseCode, reason: str | None = None, *, broken: bool = False) -> None:
        """Send a close frame and end; nothing else is written. `broken`: the peer's input is
        invalid from here on, so do not wait for its answer."""
        if not self.is_open:
            return
        CLOSES.labels(str(code.code)).inc()
        self._begin_closing(frames.close(code, reason))
        if broken:
            self.transport.half_close()

    def answer_close(self, payload: bytes) -> None:
        """Echo the peer's close frame unless we closed first. The transport closes by itself."""
        if self.is_open:
            self._begin_closing(frames.echo_close(payload))

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        self.transport.abort()

    def on_connection_lost(self) -> None:
        """Release everything; call it once the connection has ended."""
        if self.link is Link.CLOSED:
            return
        self.write_buffer.detach()
        self._end(Link.CLOSED)
        self._context.timer_wheel.cancel(self)
        self._context.on_session_closed(self)

    def _begin_closing(self, close_frame: bytes) -> None:
        self.write_buffer.push(close_frame)
        self._end(Link.CLOSING)
        self.write_buffer.flush()
        self._context.timer_wheel.set(self, self.now() + CLOSE_TIMEOUT_S)

    def _end(self, link: Link) -> None:
        was_open = self.is_open
        self.link = moved(self.link, link, LINK_MOVES)
        if not was_open:
            return
        if self.feed is not None:
            self._context.hub.leave(self.feed, self)
        self.stage = moved(self.stage, Stage.ENDED, STAGE_MOVES)
        self.replay_buffer = None
        self.write_buffer.resume()
        if self.work_queue is not None:
            self.work_queue.clear()

    def close_after(self, wait_s: float, code: CloseCode) -> None:
        """Close with this code unless the session is authenticated before."""
        self.deadlines.close(self.now() + wait_s, code)
        self.set_timer()

    def on_writing_paused(self) -> None:
        """The peer does not keep up; it is closed unless it reads within `STALL_TIMEOUT_S`."""
        self.write_buffer.pause(self.now())
        self.set_timer()

    def on_writing_resumed(self) -> None:
        """The peer reads again: send what it missed."""
        self.deadlines.on_received(self.now())
        self.write_buffer.resume()
        if self.stage is Stage.LAGGING:
            self.resume("slow")

    def set_timer(self) -> None:
        """Schedule `on_deadline` for the next deadline."""
        if self.is_open:
            next_at = self.deadlines.next(self.write_buffer.paused_at)
            self._context.timer_wheel.set(self, next_at)

    def on_deadline(self, now: float) -> None:
        """As `Timed.on_deadline`."""
        self.deadlines.handle(self, now, self._context.heartbeat_s)
