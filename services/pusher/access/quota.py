"""The rate limit of REST requests per subscriber, with `RateLimit` fields on every response.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10, structured fields (RFC 9651):
`RateLimit-Policy: "subscriber";q=3000;w=60` is the quota and its window in seconds,
`RateLimit: "subscriber";r=2999;t=1` the remaining requests and the seconds until there are more.
Where none remains, `Retry-After` equals `t`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.contracts.announcement import feed_key
from clarion.errors import TooMany
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.token_bucket import Buckets
from services.pusher.metrics import REQUESTS_REFUSED

WINDOW_S = 60
NO_LIMIT = 0
POLICY = "subscriber"
QUOTA_FIELDS = ("ratelimit", "ratelimit-policy")
SCOPE_KEY = "clarion.quota"


class QuotaStatus(NamedTuple):
    """The quota of a subscriber after one request."""

    is_allowed: bool
    remaining: int
    more_after_s: int


class Quota:
    """The quotas of one process. Only subscribers of the last window take memory: a bucket that is
    full again equals a new one and is dropped."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._limit = per_minute
        self._per_s = per_minute / WINDOW_S
        self._buckets = Buckets(clock, self._per_s, per_minute)

    def take(self, claims: SubscriberToken) -> QuotaStatus:
        """Count one request; a refused one is free."""
        name = feed_key(claims.tenant, claims.subscriber)
        is_allowed = self._buckets.take(name)
        level = self._buckets.level(name)
        remaining = math.floor(level)
        return QuotaStatus(is_allowed, remaining, math.ceil((remaining + 1 - level) / self._per_s))

    def charge(self, scope: Scope, claims: SubscriberToken) -> None:
        """Count one request and add the fields to its response. Raises `TooMany`."""
        if self._limit == NO_LIMIT:
            return
        standing = self.take(claims)
        scope[SCOPE_KEY].extend(fields(self._limit, standing))
        if not standing.is_allowed:
            REQUESTS_REFUSED.inc()
            raise TooMany(
                f"More than {self._limit} requests a minute.", retry_after_s=standing.more_after_s
            )


class QuotaMiddleware:
    """Adds the fields of `Quota.charge` to the response, including error responses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left: list[tuple[bytes, bytes]] = []
        scope[SCOPE_KEY] = left

        async def add_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *left]
            await send(message)

        await self._app(scope, receive, add_fields)


def fields(limit: int, standing: QuotaStatus) -> list[tuple[bytes, bytes]]:
    """The header fields of a response."""
    values = (
        f'"{POLICY}";r={standing.remaining};t={standing.more_after_s}',
        f'"{POLICY}";q={limit};w={WINDOW_S}',
    )
    return [
        (name.encode(), value.encode()) for name, value in zip(QUOTA_FIELDS, values, strict=True)
    ]
