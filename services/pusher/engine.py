"""The pusher of one process: owns the hub, the sessions and the services around them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import SystemRandom
from typing import Any, cast

from clarion.bus import Bus
from clarion.contracts.frames import Auth, Hello
from clarion.http.client_address import UNKNOWN, address_of
from clarion.http.origins import AllowedOrigins
from clarion.lifecycle.background import BackgroundTasks
from clarion.store.database import Database
from clarion.tokens.subscriber import SubscriberToken, TokenVerifier
from services.pusher.access.quota import Quota
from services.pusher.access.revocations import CheckedVerifier, Revocations
from services.pusher.access.tickets import Tickets
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.announcement_subscriber import AnnouncementSubscriber
from services.pusher.feed.announcer import Announcer
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.gaps import GapFiller
from services.pusher.feed.hub import Hub
from services.pusher.feed.shards import Shards, keys_at_start
from services.pusher.feed.tasks import Tasks
from services.pusher.inbox.history import History
from services.pusher.metrics import SESSIONS
from services.pusher.session.authentication import SessionAuthenticator
from services.pusher.session.capacity import SessionCapacity
from services.pusher.session.command_executor import CommandExecutor
from services.pusher.session.context import SessionTransport
from services.pusher.session.dispatcher import FrameDispatcher
from services.pusher.session.drain import Drain
from services.pusher.session.handshake_gate import HandshakeAdmission, HandshakeGate
from services.pusher.session.publishing import Publishing
from services.pusher.session.receipts import Receipts
from services.pusher.session.replay import Replayer
from services.pusher.session.session import Session
from services.pusher.session.session_limits import SessionCaps, SessionLimits
from services.pusher.session.timer_wheel import TimerWheel
from services.pusher.session.work_queue import RedeemTicket, WorkItem
from services.pusher.settings import PusherSettings
from services.pusher.wire.close_codes import AUTH_TIMEOUT, FORBIDDEN, TRY_AGAIN_LATER
from services.pusher.wire.handshake import AcceptedHandshake
from services.pusher.wire.write_buffer import NO_FD, FlushQueue, WriteBuffer, Writer

START_S = 5.0
STOP_S = 5.0

_random = SystemRandom()


class Engine:
    """Create it inside a running event loop."""

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
        self.timer_wheel = TimerWheel(loop.time, loop.call_at)
        self.flush_queue = FlushQueue(loop.call_soon)
        self.history = History(database, pool_size=settings.database_pool_size)
        self.hub = Hub(lambda feed: self.gap_filler.detect(feed))
        self.revocations = Revocations(database, self.hub.revoke)
        self.verifier = CheckedVerifier(verifier, self.revocations)
        self.tickets = Tickets(database, self.revocations)
        self.epochs = Epochs(database, self.hub)
        self.gap_filler = GapFiller(
            self.hub, self.history, self.epochs, self.tasks, loop.call_later
        )
        self.announcer = Announcer(bus, shards=settings.live_shards)
        self.commands = CommandExecutor(database, self.hub, self.epochs, self.announcer)
        keys = keys_at_start(settings.live_shards)
        own = bus.users | settings.amqp_own_users
        self.subscriber = AnnouncementSubscriber(
            bus, self.hub, self.gap_filler, self.revocations, keys, own_users=own
        )
        self.shards = Shards(settings.live_shards, self.subscriber, self.tasks, loop.call_later)
        self.drain = Drain(
            lambda: self.sessions,
            sessions_per_s=settings.handshakes_per_s,
            max_duration_s=settings.shutdown_timeout_s / 2,
        )
        self.receipts = Receipts(database, lambda: self.sessions)
        self.session_limits = SessionLimits(SessionCaps.of(settings))
        self.publishing = Publishing(
            bus, per_minute=settings.max_publishes_per_minute, clock=self.clock
        )
        self.quota = Quota(settings.max_requests_per_minute, self.clock)
        self.handshake_gate = HandshakeGate(self.clock, settings.handshakes_per_s)
        self.capacity = SessionCapacity(
            max_sessions=settings.max_sessions,
            sessions=lambda: self.sessions,
            hub=self.hub,
            drain=self.drain,
            revocations=self.revocations,
            verifier=self.verifier,
            session_limits=self.session_limits,
            handshake_gate=self.handshake_gate,
        )
        self._authenticator = SessionAuthenticator(
            hub=self.hub,
            verifier=self.verifier,
            tickets=self.tickets,
            session_limits=self.session_limits,
            shards=self.shards,
            handshake_gate=self.handshake_gate,
        )
        self._dispatcher = FrameDispatcher(
            authenticator=self._authenticator,
            replayer=Replayer(
                self.history,
                self.epochs,
                self.shards,
                self.gap_filler,
                heartbeat_s=settings.heartbeat_s,
            ),
            commands=self.commands,
            gap_filler=self.gap_filler,
            receipts=self.receipts,
            publishing=self.publishing,
            tasks=self.tasks,
        )
        self.allowed_origins = AllowedOrigins(settings.allowed_origins)

    async def start(self) -> None:
        """Start the background tasks; wait a while for the revocations, which tokens need."""
        self.background.start("live", self.subscriber.run)
        self.background.start("watch", self.subscriber.watch)
        self.background.start("epochs", lambda: self.epochs.run(self.gap_filler.reconcile))
        self.background.start("announcer", self.announcer.run)
        self.background.start("receipts", self.receipts.run)
        self.background.start("receipts trimming", self.receipts.trim)
        self.background.start("command keys", self.commands.trim)
        self.background.start("revocations", self.revocations.run)
        await self.revocations.wait_until_loaded(START_S)

    async def stop(self) -> None:
        """Abort the open sessions and end every task."""
        for session in tuple(self.sessions):
            session.abort()
        await self.background.stop(STOP_S)
        await self.publishing.close(STOP_S)
        await self.tasks.stop()
        await self.receipts.close()
        self.timer_wheel.close()

    def address_of(self, peer: Any, forwarded: Sequence[str]) -> str:
        """The address that limits apply to; `peer` is the transport's `peername`."""
        host = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else UNKNOWN
        return address_of(host, forwarded, self.settings.trusted_proxies)

    def open(
        self,
        transport: SessionTransport,
        writer: Writer,
        accepted: AcceptedHandshake,
        admission: HandshakeAdmission,
        address: str,
        fd: int,
    ) -> Session:
        """A session for an accepted handshake, possibly closing already."""
        session = self._new_session(transport, writer, address, fd)
        session.write(accepted.response)
        if accepted.is_foreign:
            session.close(FORBIDDEN)
        elif len(self.sessions) > self.settings.max_sessions:
            session.close(TRY_AGAIN_LATER, "server_full")
        else:
            session.close_after(self.settings.auth_timeout_s, AUTH_TIMEOUT)
            if admission.is_charged:
                self.handshake_gate.track_unauthenticated(session, address)
            if admission.token is not None:
                self._authenticator.authenticate(session, admission.token)
            elif accepted.token is not None:
                self.dispatch(session, Auth(token=accepted.token))
            elif accepted.ticket is not None:
                self.dispatch(session, RedeemTicket(accepted.ticket))
        return session

    def open_stream(
        self,
        transport: SessionTransport,
        writer: Writer,
        claims: SubscriberToken,
        hello: Hello,
        address: str,
    ) -> Session:
        """A session that only reads, for a verified token; possibly closing already."""
        session = self._new_session(transport, writer, address)
        self._authenticator.authenticate(session, claims)
        self.dispatch(session, hello)
        return session

    def _new_session(
        self, transport: SessionTransport, writer: Writer, address: str, fd: int = NO_FD
    ) -> Session:
        now = self.clock()
        session = Session(
            self,
            transport,
            WriteBuffer(writer, self.flush_queue, self.max_backlog_bytes, fd),
            Bucket(now, self.settings.max_frames_per_minute),
            _random.uniform(0.5, 1.0) * self.heartbeat_s,
        )
        if self.settings.max_session_age_s:
            max_age_s = _random.uniform(0.8, 1.0) * self.settings.max_session_age_s
            session.deadlines.reconnect(now + max_age_s)
        self.sessions.add(session)
        self.session_limits.register(session, address)
        SESSIONS.inc()
        return session

    def dispatch(self, session: Session, work: WorkItem) -> None:
        """As `FrameDispatcher.dispatch`."""
        self._dispatcher.dispatch(session, work)

    def resume(self, session: Session, cause: str) -> None:
        """As `SessionContext.resume`."""
        self._dispatcher.schedule_resume(session, cause)

    def on_session_closed(self, session: Session) -> None:
        """As `SessionContext.on_session_closed`."""
        self.receipts.record(session)
        self.sessions.discard(session)
        self.session_limits.release(session)
        self.handshake_gate.forget(session)
        if session.feed is not None:
            self.shards.remove_session(session.feed)
        SESSIONS.dec()

    def take_frame_quota(self, session: Session) -> bool:
        """Count one frame of the client; `False` where it exceeds the rate limit."""
        burst = self.settings.max_frames_per_minute
        return session.bucket.take(self.clock(), burst / 60, burst)
