"""Revoked subscriber tokens, all in memory, so that a check is a look-up.

The table `revocations` is authoritative. It is loaded before the first token is accepted, and its
changes are polled every `POLL_S`; announcements of the gateway apply at once. So a pusher that
missed announcements, or starts later, knows the same as all others.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from clarion.contracts.revocation import Revocation
from clarion.errors import StoreUnavailable, Unauthorized, Unavailable
from clarion.records.revocations import EVERY_TOKEN, RevocationCursor, changed_after
from clarion.store.database import Database
from clarion.tokens.subscriber import SubscriberToken, TokenVerifier

log = structlog.get_logger("clarion.pusher")

POLL_S = 2.0
OVERLAP = timedelta(seconds=30)
"""How much later than a younger transaction an older one may commit."""
PAGE = 5_000
FORGET_EVERY_S = 600.0


class Revocations:
    """`on_change` is called with each new revocation."""

    def __init__(self, database: Database, on_change: Callable[[Revocation], None]) -> None:
        self._database = database
        self._on_change = on_change
        self._known: dict[tuple[str, str, str], Revocation] = {}
        self._place = RevocationCursor()
        self._loaded = asyncio.Event()

    @property
    def is_loaded(self) -> bool:
        """Whether the table was read; no token may be accepted before."""
        return self._loaded.is_set()

    async def wait_until_loaded(self, timeout_s: float) -> None:
        """Wait until `is_loaded`, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._loaded.wait()

    def require_loaded(self) -> None:
        """Raises `Unavailable` before `is_loaded`."""
        if not self.is_loaded:
            raise Unavailable("The pusher is still starting.", code="starting", retry_after_s=1)

    def check(self, claims: SubscriberToken) -> None:
        """Raises `Unauthorized` (`token_revoked`), or as `require_loaded`."""
        self.require_loaded()
        if self._known and self._covers(claims):
            raise Unauthorized("The token was revoked; ask for a new one.", code="token_revoked")

    def apply(self, revocation: Revocation) -> None:
        """Enforce it from now on."""
        key = (revocation.tenant, revocation.subscriber, revocation.jti or EVERY_TOKEN)
        known = self._known.get(key)
        if known is not None and known.issued_before >= revocation.issued_before:
            return
        self._known[key] = revocation
        self._on_change(revocation)

    async def run(self) -> None:
        """Poll the store until cancelled."""
        forgot_at = time.time()
        while True:
            try:
                await self.read()
            except StoreUnavailable as error:
                log.warning("revocations_not_read", code=error.code)
            if time.time() - forgot_at > FORGET_EVERY_S:
                forgot_at = time.time()
                self.forget(forgot_at)
            await asyncio.sleep(POLL_S)

    async def read(self) -> None:
        """Apply the changes since the last read. Raises `StoreUnavailable`."""
        place = self._place.back(OVERLAP)
        while True:
            async with self._database.driver() as connection:
                page = await changed_after(connection, place, PAGE)
            for at, revocation in page:
                place = max(place, at)
                self.apply(revocation)
            if len(page) < PAGE:
                break
        self._place = max(self._place, place)
        self._loaded.set()

    def forget(self, now: float) -> None:
        """Drop those whose tokens have expired by `now` (epoch seconds)."""
        self._known = {key: known for key, known in self._known.items() if known.kept_until > now}

    def _covers(self, claims: SubscriberToken) -> bool:
        every = self._known.get((claims.tenant, claims.subscriber, EVERY_TOKEN))
        if every is not None and every.covers(claims.issued_at, claims.jti):
            return True
        return (
            claims.jti is not None and (claims.tenant, claims.subscriber, claims.jti) in self._known
        )


class CheckedVerifier:
    """As `TokenVerifier`, but refuses revoked tokens (`token_revoked`).

    A result is valid within the same iteration of the event loop: a later revocation finds the
    session in the hub. After any other wait, call `recheck`.
    """

    def __init__(self, verifier: TokenVerifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self._revocations = revocations

    async def verify(self, token: str) -> SubscriberToken:
        """As `TokenVerifier.verify`."""
        claims = await self._verifier.verify(token)
        self._revocations.check(claims)
        return claims

    def verify_now(self, token: str) -> SubscriberToken | None:
        """As `TokenVerifier.verify_now`."""
        claims = self._verifier.verify_now(token)
        if claims is not None:
            self._revocations.check(claims)
        return claims

    def recheck(self, token: SubscriberToken) -> None:
        """Raises `Unauthorized` where a verified token has expired or been revoked since."""
        if token.expires_at <= time.time():
            raise Unauthorized("The token has expired; ask for a new one.", code="token_expired")
        self._revocations.check(token)
