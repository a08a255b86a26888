"""A breaker: rests a provider that keeps failing, and probes it.

| state | a call is let through | it succeeds | it fails |
|---|---|---|---|
| closed | always | closed | open after `failures` in a row |
| open | once the rest is over, as the one probe | closed | open |
| half-open | when the probe has not answered for a rest | closed | open, twice as long |

A call that says nothing of the provider moves nothing; where it was the probe the next call is.

One per provider and process. No I/O and no clock: `now` is in seconds of any clock that only grows.
"""

from __future__ import annotations

from enum import StrEnum

FAILURES = 5
REST_S = 5.0
MAX_REST_S = 20.0
PROBE_CHECK_S = 1.0
"""While a probe is under way others look again this soon."""


class BreakerState(StrEnum):
    """As logged and counted."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The state of one provider; rests double from `rest_s` to `max_rest_s`."""

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
        """Seconds until a call may be let through; 0 where one may now."""
        if self.state is BreakerState.CLOSED:
            return 0.0
        left = max(0.0, self._probe_at - now)
        return min(left, PROBE_CHECK_S) if self.state is BreakerState.HALF_OPEN else left

    def begin(self, now: float) -> bool:
        """Whether a call may be made now. The first after a rest is the probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if now < self._probe_at:
            return False
        self.state = BreakerState.HALF_OPEN
        self._probe_at = now + self._rest_s
        return True

    def succeeded(self) -> None:
        """The provider answered: whatever it said, it works."""
        self.state = BreakerState.CLOSED
        self._failed = 0
        self._rest_s = self._first_rest_s

    def no_signal(self, now: float) -> None:
        """The call said nothing of the provider. If it was the probe, the next call is."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN
            self._probe_at = now

    def failed(self, now: float) -> None:
        """A transient failure. Of calls that began before the rest it makes no longer one."""
        if self.state is BreakerState.OPEN:
            return
        self._failed += 1
        if self.state is BreakerState.HALF_OPEN:
            self._rest_s = min(2 * self._rest_s, self._max_rest_s)
        elif self._failed < self._limit:
            return
        self.state = BreakerState.OPEN
        self._probe_at = now + self._rest_s
