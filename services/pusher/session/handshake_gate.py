"""How many may connect in a second, and who pays for those that should not have.

| request | it takes |
|---|---|
| with a token that holds | one of the process's and one of its tenant's share |
| well-formed, and whose it is comes later | one of the process's while half are left, and one of \
its address's, given back once the token holds; then one of the tenant's share |
| no handshake, of a foreign origin, or with a token that does not hold | one of its address's |

So junk uses up nothing that those with a token need, and no tenant what another needs: past its
share a tenant is admitted only while half of the process's are left.
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
"""A tenant of whom nobody connected for so long claims no share."""


@dataclass(frozen=True, slots=True)
class HandshakeAdmission:
    """Whose session it is, where the request tells by a token that holds; `is_charged` while its
    address is charged until that is known."""

    token: SubscriberToken | None
    is_charged: bool


class HandshakeGate:
    """The rates of one process; `per_s` is that of all handshakes together."""

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
        """What a well-formed handshake costs. One of a foreign origin or with a token that does
        not hold is let in, to be told so by a close code. Raises `Unavailable` and `TooMany`."""
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
        """Let in a handshake whose token holds. Raises `Unavailable`."""
        is_within_share = self._take_share(tenant)
        if not self._take(leave=0 if is_within_share else self._reserve):
            raise too_many_handshakes()

    def check_unauthenticated(self, address: str) -> None:
        """Let in a handshake that does not tell yet whose it is. Raises `Unavailable`."""
        if not self._unauthenticated.take(address):
            raise too_many_handshakes()
        if not self._take(leave=self._reserve):
            self._unauthenticated.give_back(address)
            raise too_many_handshakes()

    def track_unauthenticated(self, session: Session, address: str) -> None:
        """This session came by `check_unauthenticated`."""
        self._addresses[session] = address

    def settle(self, session: Session, tenant: str) -> bool:
        """Its token holds: the address is not charged. Whether the tenant has one of its share
        left, or half of the process's are."""
        address = self._addresses.pop(session, None)
        if address is None:
            return True
        self._unauthenticated.give_back(address)
        has_half = self._all.has_tokens(self._reserve, self._clock(), self._per_s, self._per_s)
        return self._take_share(tenant) or has_half

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._addresses.pop(session, None)

    def charge_failure(self, address: str) -> None:
        """A request that should not have come. Raises `TooMany` past what one address may have."""
        BAD_HANDSHAKES.inc()
        if not self._failures.take(address):
            raise TooMany(
                "Too many requests of this address are refused; mend them before it sends more.",
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
    """More connect at once than the process admits."""
    return Unavailable("Too many connect at once.", code="too_many_handshakes")
