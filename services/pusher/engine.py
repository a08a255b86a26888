"""The pusher of one process: it owns the hub, the sessions and what serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import SystemRandom
from typing import Any, cast

from clarion.bus import Bus
from clarion.contracts.frames import Auth, Hello
from clarion.errors import Unavailable
from clarion.http.client_address import UNKNOWN, address_of
from clarion.http.origins import AllowedOrigins
from clarion.lifecycle import BackgroundTasks
from clarion.store.database import Database
from clarion.tokens.subscriber import SubscriberToken, TokenVerifier
from services.pusher.access.quota import Quota
from services.pusher.access.revocations import CheckedVerifier, Revocations
from services.pusher.access.tickets import Tickets
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.announcement_subscriber import Live
from services.pusher.feed.announcer import Announcer
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.gaps import Gaps
from services.pusher.feed.hub import Hub
from services.pusher.feed.shards import Shards, keys_at_start
from services.pusher.feed.tasks import Tasks
from services.pusher.inbox.history import History
from services.pusher.metrics import SESSIONS
from services.pusher.session.command_announcements import Changes
from services.pusher.session.context import Wire
from services.pusher.session.dispatcher import Conversations
from services.pusher.session.drain import Drain
from services.pusher.session.handshake_gate import Admission, HandshakeGate
from services.pusher.session.publishing import Publishing
from services.pusher.session.receipts import Receipts
from services.pusher.session.replay import Resume
from services.pusher.session.session import Session
from services.pusher.session.session_limits import Census, Limits
from services.pusher.session.timer_wheel import Wheel
from services.pusher.session.work_queue import Redeem, Work
from services.pusher.settings import PusherSettings
from services.pusher.wire.close_codes import AUTH_TIMEOUT, FORBIDDEN, TRY_AGAIN_LATER
from services.pusher.wire.handshake import Accepted
from services.pusher.wire.write_buffer import NO_FD, Backlog, Outbox, Writer

START_S = 5.0
STOP_S = 5.0

_random = SystemRandom()


class Engine:
    """Made inside a running event loop; `start` and `stop` frame its life."""

    def __init__(
        self,
        settings: PusherSettings,
        *,
        bus: Bus,
        database: Database,
        verifier: TokenVerifier,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.database = database
        self.clock = loop.time
        self.heartbeat_s = float(settings.heartbeat_s)
        self.max_backlog_bytes = settings.max_backlog_bytes
        self.sessions: set[Session] = set()
        self.tasks = Tasks()
        self.background = BackgroundTasks()
        self.wheel = Wheel(loop.time, loop.call_at)
        self.outbox = Outbox(loop.call_soon)
        self.history = History(database, pool_size=settings.database_pool_size)
        self.hub = Hub(lambda feed: self.gaps.found(feed))
        self.revocations = Revocations(database, self.hub.revoke)
        self.verifier = CheckedVerifier(verifier, self.revocations)
        self.tickets = Tickets(database, self.revocations)
        self.epochs = Epochs(database, self.hub)
        self.gaps = Gaps(self.hub, self.history, self.epochs, self.tasks, loop.call_later)
        self.announcer = Announcer(bus, shards=settings.live_shards)
        self.changes = Changes(database, self.hub, self.epochs, self.announcer)
        keys = keys_at_start(settings.live_shards)
        own = bus.users | settings.amqp_own_users
        self.live = Live(bus, self.hub, self.gaps, self.revocations, keys, own_users=own)
        self.shards = Shards(settings.live_shards, self.live, self.tasks, loop.call_later)
        self.drain = Drain(
            lambda: self.sessions,
            sessions_per_s=settings.handshakes_per_s,
            longest_s=settings.shutdown_timeout_s / 2,
        )
        self.receipts = Receipts(database, lambda: self.sessions)
        self.census = Census(Limits.of(settings))
        self.publishing = Publishing(
            bus, per_minute=settings.max_publishes_per_minute, clock=self.clock
        )
        self.quota = Quota(settings.max_requests_per_minute, self.clock)
        self.gate = HandshakeGate(self.clock, settings.handshakes_per_s)
        self._conversations = Conversations(
            hub=self.hub,
            resume=Resume(
                self.history,
                self.epochs,
                self.hub,
                self.shards,
                self.gaps,
                heartbeat_s=settings.heartbeat_s,
            ),
            changes=self.changes,
            gaps=self.gaps,
            receipts=self.receipts,
            publishing=self.publishing,
            verifier=self.verifier,
            tickets=self.tickets,
            tasks=self.tasks,
            census=self.census,
            shards=self.shards,
            gate=self.gate,
        )
        self._frames_per_s = settings.max_frames_per_minute / 60
        self.allowed_origins = AllowedOrigins(settings.allowed_origins)

    async def start(self) -> None:
        """Listen to the bus; wait a while for what is needed to judge tokens."""
        self.background.start("live", self.live.listen)
        self.background.start("watch", self.live.watch)
        self.background.start("epochs", lambda: self.epochs.run(self.gaps.check))
        self.background.start("announcer", self.announcer.run)
        self.background.start("receipts", self.receipts.run)
        self.background.start("receipts trimming", self.receipts.trim)
        self.background.start("command keys", self.changes.trim)
        self.background.start("revocations", self.revocations.run)
        await self.revocations.loaded(START_S)

    async def stop(self) -> None:
        """Cut what is still open and end every task."""
        for session in tuple(self.sessions):
            session.cut()
        await self.background.stop(STOP_S)
        await self.publishing.close(STOP_S)
        await self.tasks.stop()
        await self.receipts.close()
        self.wheel.close()

    def address_of(self, peer: Any, forwarded: Sequence[str]) -> str:
        """By which address a connection is counted; `peer` is as of its transport."""
        host = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else UNKNOWN
        return address_of(host, forwarded, self.settings.trusted_proxies)

    def admit(self, accepted: Accepted, address: str) -> Admission:
        """Let one more handshake in, at the cost that `gate` tells. Raises `Unavailable` where it
        comes too early, too late or with too many others, `TooMany` where the address has too many
        sessions or sends too many of those that are refused."""
        self._check_capacity(address)
        return self.gate.judge(accepted, address, self.verifier)

    def _check_capacity(self, address: str) -> None:
        if self.drain.has_begun:
            raise Unavailable("This server is stopping.", code="draining", retry_after_s=1)
        self.revocations.require()
        self.census.check_address(address)

    def admit_stream(self, said: SubscriberToken, address: str) -> None:
        """As `admit`, for a stream whose token is known. Raises `Conflict` too."""
        self._check_capacity(address)
        if len(self.sessions) >= self.settings.max_sessions:
            raise Unavailable("This server is full.", code="server_full")
        if not self.census.has_room(said.tenant):
            raise Unavailable("This tenant has as many sessions as fit.", code="tenant_full")
        self.census.check_subscriber(self.hub.count(said.tenant, said.subscriber))
        self.gate.admit(said.tenant)

    def open(
        self,
        wire: Wire,
        writer: Writer,
        accepted: Accepted,
        admission: Admission,
        address: str,
        fd: int,
    ) -> Session:
        """A session for an accepted handshake; it may be closing already."""
        session = self._session(wire, writer, address, fd)
        session.write(accepted.response)
        if accepted.is_foreign:
            session.close(FORBIDDEN)
        elif len(self.sessions) > self.settings.max_sessions:
            session.close(TRY_AGAIN_LATER, "server_full")
        else:
            session.close_after(self.settings.auth_timeout_s, AUTH_TIMEOUT)
            if admission.is_charged:
                self.gate.watch(session, address)
            if admission.token is not None:
                self._conversations.let_in(session, admission.token)
            elif accepted.token is not None:
                self.take(session, Auth(token=accepted.token))
            elif accepted.ticket is not None:
                self.take(session, Redeem(accepted.ticket))
        return session

    def stream(
        self, wire: Wire, writer: Writer, said: SubscriberToken, hello: Hello, address: str
    ) -> Session:
        """A session that only listens, and whose token is known; it may be closing already."""
        session = self._session(wire, writer, address)
        self._conversations.let_in(session, said)
        self.take(session, hello)
        return session

    def _session(self, wire: Wire, writer: Writer, address: str, fd: int = NO_FD) -> Session:
        now = self.clock()
        session = Session(
            self,
            wire,
            Backlog(writer, self.outbox, self.max_backlog_bytes, fd),
            Bucket(now, self.settings.max_frames_per_minute),
            _random.uniform(0.5, 1.0) * self.heartbeat_s,
        )
        if self.settings.max_session_age_s:
            session.leave_at = now + _random.uniform(0.8, 1.0) * self.settings.max_session_age_s
        self.sessions.add(session)
        self.census.enter(session, address)
        SESSIONS.inc()
        return session

    def take(self, session: Session, work: Work) -> None:
        """Handle a client frame in its turn."""
        self._conversations.take(session, work)

    def resume(self, session: Session, cause: str) -> None:
        """As `context.SessionContext.resume`."""
        self._conversations.go_on(session, cause)

    def gone(self, session: Session) -> None:
        """As `context.SessionContext.gone`."""
        self.receipts.note(session)
        self.sessions.discard(session)
        self.census.leave(session)
        self.gate.forget(session)
        if session.feed is not None:
            self.shards.leave(session.feed)
        SESSIONS.dec()

    def may_send(self, session: Session) -> bool:
        """Whether the session may send one more frame now."""
        burst = self.settings.max_frames_per_minute
        return session.bucket.take(self.clock(), self._frames_per_s, burst)
