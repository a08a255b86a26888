"""Rate limits of keys and tenants (`CLARION_MAX_REQUESTS_PER_S`,
`CLARION_MAX_TENANT_REQUESTS_PER_S`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import Message, Scope, Send

from clarion.errors import TooMany
from clarion.http.rate_limit import HeaderFields, RateLimit, RateStanding, rate_limit_fields
from clarion.tokens.api_keys import ApiKey
from services.gateway.metrics import RATE_LIMITED

NO_LIMIT = 0
FIELDS_KEY = "clarion.rate_limit"
"""Key in the scope of the response headers."""

Clock = Callable[[], float]


class RequestRates:
    """The limits of keys and tenants, of one process."""

    def __init__(
        self, per_key_per_s: int, per_tenant_per_s: int, *, clock: Clock = time.monotonic
    ) -> None:
        self._limits: list[tuple[RateLimit, Callable[[ApiKey], str]]] = []
        if per_key_per_s != NO_LIMIT:
            by_key = RateLimit("key", per_key_per_s, clock=clock)
            self._limits.append((by_key, lambda key: key.id))
        if per_tenant_per_s != NO_LIMIT:
            by_tenant = RateLimit("tenant", per_tenant_per_s, clock=clock)
            self._limits.append((by_tenant, lambda key: key.tenant))

    def charge(self, scope: Scope, key: ApiKey) -> None:
        """Count one request and set its response headers. Raises `TooMany`."""
        if not self._limits:
            return
        standings: list[tuple[RateLimit, RateStanding]] = []
        for limit, name_of in self._limits:
            standing = limit.take(name_of(key))
            standings.append((limit, standing))
            if not standing.is_allowed:
                RATE_LIMITED.labels(limit.policy).inc()
                scope[FIELDS_KEY] = rate_limit_fields(standings)
                raise TooMany(
                    f"This {limit.policy} exceeds its limit of {limit.per_s} requests per second.",
                    retry_after_s=standing.more_after_s,
                )
        scope[FIELDS_KEY] = rate_limit_fields(standings)


def with_fields(scope: Scope) -> HeaderFields:
    """The response headers; none without a limit."""
    return scope.get(FIELDS_KEY, [])


def sending_fields(scope: Scope, send: Send) -> Send:
    """`send` that adds these response headers."""
    fields = with_fields(scope)
    if not fields:
        return send

    async def add_fields(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *fields]
        await send(message)

    return add_fields
