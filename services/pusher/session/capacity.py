"""Whether this process takes one more connection, asked before a session is made."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass

from clarion.errors import Unavailable
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.revocations import CheckedVerifier, Revocations
from services.pusher.feed.hub import Hub
from services.pusher.session.drain import Drain
from services.pusher.session.handshake_gate import HandshakeAdmission, HandshakeGate
from services.pusher.session.session_limits import SessionLimits
from services.pusher.wire.handshake import AcceptedHandshake


@dataclass(frozen=True, slots=True)
class SessionCapacity:
    """Every check raises `Unavailable` while the pusher starts, stops or is full, and `TooMany`
    where the address has too many sessions or refused requests."""

    max_sessions: int
    sessions: Callable[[], Sized]
    hub: Hub
    drain: Drain
    revocations: Revocations
    verifier: CheckedVerifier
    session_limits: SessionLimits
    handshake_gate: HandshakeGate

    def check_handshake(self, accepted: AcceptedHandshake, address: str) -> HandshakeAdmission:
        """Charge a WebSocket handshake."""
        self._check_process(address)
        return self.handshake_gate.check(accepted, address, self.verifier)

    def check_stream(self, claims: SubscriberToken, address: str) -> None:
        """Charge an event stream, whose token is verified. Raises `Conflict` too."""
        self._check_process(address)
        if len(self.sessions()) >= self.max_sessions:
            raise Unavailable("This server is full.", code="server_full")
        if not self.session_limits.has_tenant_capacity(claims.tenant):
            raise Unavailable("This tenant has as many sessions as fit.", code="tenant_full")
        self.session_limits.check_subscriber(self.hub.count(claims.tenant, claims.subscriber))
        self.handshake_gate.check_authenticated(claims.tenant)

    def _check_process(self, address: str) -> None:
        if self.drain.has_begun:
            raise Unavailable("This server is stopping.", code="draining", retry_after_s=1)
        self.revocations.require_loaded()
        self.session_limits.check_address(address)
