"""The number of sessions of a process by address, tenant and subscriber, and its limits.

A session counts for its address from the handshake on, and for its tenant and subscriber once it is
authenticated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clarion.errors import Conflict, TooMany
from clarion.http.client_address import UNKNOWN
from services.pusher.session.session import Session
from services.pusher.settings import PusherSettings
from services.pusher.wire.close_codes import SLOW_RECONNECT_S, TOO_MANY_SESSIONS

NO_LIMIT = 0
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class SessionCaps:
    """The maximum of each, or `NO_LIMIT`."""

    per_tenant: int
    per_subscriber: int
    per_address: int
    unix: int = NO_LIMIT
    """For all peers on Unix sockets together, which have no address."""

    @classmethod
    def of(cls, settings: PusherSettings) -> SessionCaps:
        """From the settings."""
        return cls(
            per_tenant=settings.max_sessions_per_tenant,
            per_subscriber=settings.max_sessions_per_subscriber,
            per_address=settings.max_sessions_per_address,
            unix=settings.max_sessions_unix,
        )


class SessionLimits:
    """`release` undoes `register` and `register_tenant`."""

    def __init__(self, caps: SessionCaps) -> None:
        self.caps = caps
        self._by_address: Counter[str] = Counter()
        self._by_tenant: Counter[str] = Counter()
        self._addresses: dict[Session, str] = {}

    def check_subscriber(self, sessions: int) -> None:
        """Raises `Conflict` where a subscriber with so many sessions may have no more."""
        if sessions >= self.caps.per_subscriber:
            code = TOO_MANY_SESSIONS
            raise Conflict(code.sentence, code=code.name, retry_after_s=SLOW_RECONNECT_S)

    def check_address(self, address: str) -> None:
        """Raises `TooMany` where this address may have no more sessions."""
        limit = self._limit_of(address)
        if limit and self._by_address[address] >= limit:
            raise TooMany(
                "Too many sessions from one address.",
                code="too_many_from_address",
                retry_after_s=RETRY_AFTER_S,
            )

    def register(self, session: Session, address: str) -> None:
        """Count an accepted handshake."""
        if self._limit_of(address):
            self._addresses[session] = address
            self._by_address[address] += 1

    def _limit_of(self, address: str) -> int:
        return self.caps.unix if address == UNKNOWN else self.caps.per_address

    def has_tenant_capacity(self, tenant: str) -> bool:
        """Whether one more session of the tenant may be authenticated."""
        limit = self.caps.per_tenant
        return not limit or self._by_tenant[tenant] < limit

    def register_tenant(self, tenant: str) -> None:
        """Count an authenticated session."""
        if self.caps.per_tenant:
            self._by_tenant[tenant] += 1

    def release(self, session: Session) -> None:
        """Count an ended session no longer."""
        address = self._addresses.pop(session, None)
        if address is not None:
            decrement(self._by_address, address)
        if self.caps.per_tenant and session.feed is not None:
            decrement(self._by_tenant, session.feed.tenant)


def decrement(counter: Counter[str], name: str) -> None:
    """Subtract one, and drop the entry at zero."""
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]
