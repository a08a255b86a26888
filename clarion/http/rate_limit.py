"""Rate limits per caller, and the fields of an answer that report them.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10, structured fields (RFC 9651):
`RateLimit-Policy: "key";q=20;w=2` is the quota and its window in seconds,
`RateLimit: "key";r=19;t=1` how many requests remain and in how many seconds there will be more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

MAX_CALLERS = 10_000
"""Of one limit; past it those whose bucket is full again are forgotten."""
WINDOW_S = 2
"""The burst is what this many seconds bring."""

HeaderFields = list[tuple[bytes, bytes]]


class RateStanding(NamedTuple):
    """The state of a caller's limit after a request."""

    is_allowed: bool
    remaining: int
    more_after_s: int


class RateLimit:
    """A token bucket for each caller: `burst` at once, `per_s` in the long run."""

    def __init__(
        self,
        policy: str,
        per_s: int,
        *,
        burst: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`policy` is the name that the fields bear; the burst is twice `per_s` unless given."""
        self.policy = policy
        self.per_s = per_s
        self.burst = WINDOW_S * per_s if burst is None else burst
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}
        self._sweep_at = MAX_CALLERS

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, caller: str) -> RateStanding:
        """Count one request. One that is refused takes nothing."""
        now = self._clock()
        level = self._level(caller, now)
        is_allowed = level >= 1
        if is_allowed:
            level -= 1
        self._keep(caller, level, now)
        remaining = math.floor(level)
        return RateStanding(is_allowed, remaining, math.ceil((remaining + 1 - level) / self.per_s))

    def is_used_up(self, caller: str) -> bool:
        """Whether the next request would be refused; takes nothing."""
        return self._level(caller, self._clock()) < 1

    def _level(self, caller: str, now: float) -> float:
        level, at = self._levels.get(caller, (self.burst, now))
        return min(self.burst, level + (now - at) * self.per_s)

    def _keep(self, caller: str, level: float, now: float) -> None:
        if caller not in self._levels and len(self._levels) >= self._sweep_at:
            self._levels = {
                name: known
                for name, known in self._levels.items()
                if known[0] + (now - known[1]) * self.per_s < self.burst
            }
            self._sweep_at = max(MAX_CALLERS, 2 * len(self._levels))
        self._levels[caller] = (level, now)


def rate_limit_fields(standings: Sequence[tuple[RateLimit, RateStanding]]) -> HeaderFields:
    """What an answer says of these limits."""
    limits = ", ".join(
        f'"{limit.policy}";r={left.remaining};t={left.more_after_s}' for limit, left in standings
    )
    policies = ", ".join(
        f'"{limit.policy}";q={limit.burst};w={math.ceil(limit.burst / limit.per_s)}'
        for limit, _ in standings
    )
    return [(b"ratelimit", limits.encode()), (b"ratelimit-policy", policies.encode())]
