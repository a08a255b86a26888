"""Whose session it is: by a token or a ticket, at the handshake or in an `auth` frame."""

from __future__ import annotations

import time
from dataclasses import dataclass

from clarion.contracts.frames import Auth, Ok, Ref
from clarion.errors import Unauthorized
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.revocations import CheckedVerifier
from services.pusher.access.tickets import Tickets
from services.pusher.feed.feed import Feed
from services.pusher.feed.hub import Hub
from services.pusher.feed.shards import Shards
from services.pusher.session.handshake_gate import HandshakeGate
from services.pusher.session.session import Session
from services.pusher.session.session_limits import SessionLimits
from services.pusher.session.work_queue import RedeemTicket
from services.pusher.wire.close_codes import (
    FORBIDDEN,
    TOO_MANY_SESSIONS,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
)


@dataclass(frozen=True, slots=True)
class SessionAuthenticator:
    """Authenticates the sessions of a process; closes those that it refuses."""

    hub: Hub
    verifier: CheckedVerifier
    tickets: Tickets
    session_limits: SessionLimits
    shards: Shards
    handshake_gate: HandshakeGate

    async def handle(self, session: Session, work: Auth | RedeemTicket) -> None:
        """Verify a token or redeem a ticket. Raises `Unavailable`."""
        try:
            if isinstance(work, Auth):
                claims = await self.verifier.verify(work.token)
            else:
                claims = await self.tickets.redeem(work.ticket)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
            return
        self.authenticate(session, claims, work.ref if isinstance(work, Auth) else None)

    def handle_immediately(self, session: Session, auth: Auth) -> bool:
        """As `handle`; `False` and nothing where verifying the token needs I/O."""
        try:
            claims = self.verifier.verify_now(auth.token)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
            return True
        if claims is not None:
            self.authenticate(session, claims, auth.ref)
        return claims is not None

    def authenticate(self, session: Session, claims: SubscriberToken, ref: Ref = None) -> None:
        """Register the session under these claims, or renew its token; then answer `ref`."""
        if not session.is_open:
            return
        feed = session.feed
        is_accepted = (
            self._register(session, claims) if feed is None else _renew(session, feed, claims)
        )
        if is_accepted and self._recheck(session, claims) and ref is not None:
            session.send(Ok(ref=ref))

    def _register(self, session: Session, claims: SubscriberToken) -> bool:
        if not self._check_capacity(session, claims):
            return False
        self.session_limits.register_tenant(claims.tenant)
        feed = self.hub.join(claims.tenant, claims.subscriber, session)
        self.shards.add_session(feed)
        session.authenticate(feed, claims, _expires_at(session, claims))
        return True

    def _check_capacity(self, session: Session, claims: SubscriberToken) -> bool:
        limits, sessions = self.session_limits, self.hub.count(claims.tenant, claims.subscriber)
        if sessions >= limits.caps.per_subscriber:
            session.close(TOO_MANY_SESSIONS)
        elif not limits.has_tenant_capacity(claims.tenant):
            session.close(TRY_AGAIN_LATER, "tenant_full")
        elif not self.handshake_gate.settle(session, claims.tenant):
            session.close(TRY_AGAIN_LATER, "too_many_handshakes")
        return session.is_open

    def _recheck(self, session: Session, claims: SubscriberToken) -> bool:
        # The token may have expired or been revoked since it was verified. Revocations from now
        # on find the session in the hub.
        try:
            self.verifier.recheck(claims)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
        return session.is_open


def _renew(session: Session, feed: Feed, claims: SubscriberToken) -> bool:
    if (feed.tenant, feed.subscriber) != (claims.tenant, claims.subscriber):
        session.close(FORBIDDEN, "another_subscriber")
        return False
    session.renew_token(claims, _expires_at(session, claims))
    return True


def _expires_at(session: Session, claims: SubscriberToken) -> float:
    return session.now() + claims.expires_at - time.time()
