"""Requests without a valid key: counted, logged and limited by address."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog
from starlette.types import Scope

from clarion.errors import TooMany
from clarion.http.client_address import Network, address_of
from clarion.http.rate_limit import RateLimit
from clarion.http.repeated_lines import RepeatedLines
from services.gateway.metrics import BAD_KEYS

BAD_KEYS_PER_S = 20
BAD_KEYS_AT_ONCE = 200

log = structlog.get_logger("clarion.gateway")


class BadKeys:
    """An address with too many of them gets 429, and its keys are looked up only while the database
    is not busy; valid keys from that address keep working."""

    def __init__(
        self, trusted: Sequence[Network] = (), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`trusted` are the proxies whose forwarded addresses are trusted."""
        self._trusted = trusted
        self._rate = RateLimit("address", BAD_KEYS_PER_S, burst=BAD_KEYS_AT_ONCE, clock=clock)
        self._lines = RepeatedLines(clock)

    def refuse_flood(self, scope: Scope) -> None:
        """Raises `TooMany` for an address with too many bad keys."""
        if self._rate.is_used_up(self._address(scope)):
            raise _too_many()

    def count(self, scope: Scope, code: str) -> None:
        """Count a refusal with `code`. Raises `TooMany` above the limit."""
        BAD_KEYS.labels(code).inc()
        address = self._address(scope)
        if count := self._lines.count(address):
            log.warning("bad_key", address=address, code=code, count=count)
        if not self._rate.take(address).is_allowed:
            raise _too_many()

    def _address(self, scope: Scope) -> str:
        client = scope.get("client")
        forwarded = [
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"x-forwarded-for" and self._trusted
        ]
        return address_of(str(client[0]) if client else "", forwarded, self._trusted)


def _too_many() -> TooMany:
    return TooMany(
        "Too many invalid keys from this address; wait, then send a valid key.",
        code="too_many_bad_keys",
        retry_after_s=1,
    )
