"""The rate limit of handshakes, and the client each one is charged to.

| request | charged to |
|---|---|
| with a valid token | the process and the share of its tenant |
| well-formed, authenticated later | the process, while half of its rate is left, and the address, \
refunded once authenticated; then the share of the tenant |
| malformed, of a foreign origin, or with an invalid token | the address |

So invalid requests take nothing from valid ones, and no tenant from another: beyond its share a
tenant is admitted only while half of the process's rate is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clarion.errors import TooMany, Unauthorized, Unavailable
from clarion.http.refused_origins import RefusedOrigins
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.revocations import CheckedVerifier
from services.pusher.access.token_bucket import Bucket, Buckets
from services.pusher.metrics import BAD_HANDSHAKES
from services.pusher.session.session import Session
from services.pusher.wire.handshake import AcceptedHandshake

TENANT_IDLE_S = 10.0
"""A tenant without a handshake for so long has no share."""


@dataclass(frozen=True, slots=True)
class HandshakeAdmission:
    """The claims of a valid token in the request. `is_charged`: the address is charged until the
    session is authenticated."""

    token: SubscriberToken | None
    is_charged: bool


class HandshakeGate:
    """The rates of one process; `per_s` is for all handshakes together."""

    def __init__(self, clock: Callable[[], float], per_s: float) -> None:
        self.refused_origins = RefusedOrigins(clock)
        self._clock = clock
        self._per_s = per_s
        self._reserve = per_s // 2
        self._all = Bucket(clock(), per_s)
        half = max(1, self._reserve)
        self._unauthenticated = Buckets(clock, half, half)
        self._failures = Buckets(clock, half, half)
        self._addresses: dict[Session, str] = {}
        self._tenants: dict[str, tuple[Bucket, float]] = {}
        self._idle_at = clock() + TENANT_IDLE_S

    def check(
        self, accepted: AcceptedHandshake, address: str, verifier: CheckedVerifier
    ) -> HandshakeAdmission:
        """Charge a well-formed handshake. One of a foreign origin or with an invalid token passes,
        and is then closed with a code. Raises `Unavailable` and `TooMany`."""
        token = None
        try:
            if accepted.token is not None:
                token = verifier.verify_now(accepted.token)
        except Unauthorized:
            self.charge_failure(address)
            return HandshakeAdmission(None, is_charged=False)
        if accepted.is_foreign:
            self.charge_failure(address)
        elif token is not None:
            self.check_authenticated(token.tenant)
        else:
            self.check_unauthenticated(address)
        return HandshakeAdmission(token, is_charged=token is None and not accepted.is_foreign)

    def check_authenticated(self, tenant: str) -> None:
        """Charge a handshake with a valid token. Raises `Unavailable`."""
        is_within_share = self._take_share(tenant)
        if not self._take(leave=0 if is_within_share else self._reserve):
            raise too_many_handshakes()

    def check_unauthenticated(self, address: str) -> None:
        """Charge a handshake without a token. Raises `Unavailable`."""
        if not self._unauthenticated.take(address):
            raise too_many_handshakes()
        if not self._take(leave=self._reserve):
            self._unauthenticated.give_back(address)
            raise too_many_handshakes()

    def track_unauthenticated(self, session: Session, address: str) -> None:
        """Remember the charged address of this session."""
        self._addresses[session] = address

    def settle(self, session: Session, tenant: str) -> bool:
        """The session is authenticated: refund its address and charge its tenant. `False` where the
        tenant has exceeded its share and less than half of the process's rate is left."""
        address = self._addresses.pop(session, None)
        if address is None:
            return True
        self._unauthenticated.give_back(address)
        has_half = self._all.has_tokens(self._reserve, self._clock(), self._per_s, self._per_s)
        return self._take_share(tenant) or has_half

    def forget(self, session: Session) -> None:
        """The session has ended."""
        self._addresses.pop(session, None)

    def charge_failure(self, address: str) -> None:
        """Charge a refused request to its address. Raises `TooMany`."""
        BAD_HANDSHAKES.inc()
        if not self._failures.take(address):
            raise TooMany(
                "Too many requests of this address were refused; fix them before sending more.",
                code="too_many_bad_requests",
                retry_after_s=1,
            )

    def _take(self, *, leave: float) -> bool:
        return self._all.take(self._clock(), self._per_s, self._per_s, leave)

    def _take_share(self, tenant: str) -> bool:
        now = self._clock()
        if now >= self._idle_at:
            self._forget_idle(now)
        known = self._tenants.get(tenant)
        bucket = known[0] if known is not None else Bucket(now, self._per_s)
        self._tenants[tenant] = bucket, now
        share = self._per_s / len(self._tenants)
        return bucket.take(now, share, max(1, share))

    def _forget_idle(self, now: float) -> None:
        self._idle_at = now + TENANT_IDLE_S
        self._tenants = {
            name: (bucket, at)
            for name, (bucket, at) in self._tenants.items()
            if now - at < TENANT_IDLE_S
        }


def too_many_handshakes() -> Unavailable:
    """The rate limit of the process, or of a share, is exceeded."""
    return Unavailable("Too many handshakes at once.", code="too_many_handshakes")
