"""A circuit breaker: stops calls of a failing provider for a while, then probes it.

| state | a call is allowed | on success | on failure |
|---|---|---|---|
| closed | always | closed | open after `failures` in a row |
| open | after the open period, as the only probe | closed | open |
| half-open | if the probe has not answered for an open period | closed | open, twice as long |

A call without a signal about the provider changes nothing; if it was the probe, the next call is.

One per provider and process. No I/O and no clock: `now` is in seconds of any clock that only grows.
"""

from __future__ import annotations

from enum import StrEnum

FAILURES = 5
REST_S = 5.0
MAX_REST_S = 20.0
PROBE_CHECK_S = 1.0
"""The wait of other deliveries while a probe is in progress."""


class BreakerState(StrEnum):
    """The values in logs and metrics."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The state of one provider; open periods double from `rest_s` to `max_rest_s`."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        rest_s: float = REST_S,
        max_rest_s: float = MAX_REST_S,
    ) -> None:
        self._limit = failures
        self._first_rest_s = rest_s
        self._max_rest_s = max_rest_s
        self._failed = 0
        self._rest_s = rest_s
        self._probe_at = 0.0
        self.state = BreakerState.CLOSED

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be allowed; 0 if one may now."""
        if self.state is BreakerState.CLOSED:
            return 0.0
        left = max(0.0, self._probe_at - now)
        return min(left, PROBE_CHECK_S) if self.state is BreakerState.HALF_OPEN else left

    def begin(self, now: float) -> bool:
        """Whether a call is allowed now. The first after an open period is the probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if now < self._probe_at:
            return False
        self.state = BreakerState.HALF_OPEN
        self._probe_at = now + self._rest_s
        return True

    def succeeded(self) -> None:
        """Record an answer: whatever it is, the provider works."""
        self.state = BreakerState.CLOSED
        self._failed = 0
        self._rest_s = self._first_rest_s

    def no_signal(self, now: float) -> None:
        """Record a call without a signal. If it was the probe, the next call is."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN
            self._probe_at = now

    def failed(self, now: float) -> None:
        """Record a transient failure. One of a call from before the open period does not extend
        it."""
        if self.state is BreakerState.OPEN:
            return
        self._failed += 1
        if self.state is BreakerState.HALF_OPEN:
            self._rest_s = min(2 * self._rest_s, self._max_rest_s)
        elif self._failed < self._limit:
            return
        self.state = BreakerState.OPEN
        self._probe_at = now + self._rest_s
