"""Token buckets: rate limits that need a clock but no timer."""

from __future__ import annotations

from collections.abc import Callable

MAX_BUCKETS = 10_000
"""Per `Buckets`; beyond it, full buckets are dropped."""


class Bucket:
    """Allows `burst` at once and `per_s` in the long run. Refills on access."""

    __slots__ = ("_at", "_level")

    def __init__(self, now: float, burst: float) -> None:
        self._level = burst
        self._at = now

    def take(self, now: float, per_s: float, burst: float, reserve: float = 0) -> bool:
        """Take one token if at least `reserve` remain."""
        self._level = min(burst, self._level + (now - self._at) * per_s)
        self._at = now
        if self._level < 1 + reserve:
            return False
        self._level -= 1
        return True

    def give_back(self) -> None:
        """Return an unused token."""
        self._level += 1

    def has_tokens(self, count: float, now: float, per_s: float, burst: float) -> bool:
        """Whether so many tokens are available."""
        return min(burst, self._level + (now - self._at) * per_s) >= count

    @property
    def level(self) -> float:
        """The tokens left at the last access."""
        return self._level

    def is_full(self, now: float, per_s: float, burst: float) -> bool:
        """Whether it equals a new bucket."""
        return self._level + (now - self._at) * per_s >= burst


class Buckets:
    """One bucket per name."""

    def __init__(self, clock: Callable[[], float], per_s: float, burst: float) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}
        self._sweep_at = MAX_BUCKETS

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str) -> bool:
        """Take one token of this name; `False` where there is none."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._sweep(now)
            bucket = self._buckets[name] = Bucket(now, self._burst)
        return bucket.take(now, self._per_s, self._burst)

    def give_back(self, name: str) -> None:
        """Return an unused token of this name."""
        bucket = self._buckets.get(name)
        if bucket is not None:
            bucket.give_back()

    def level(self, name: str) -> float:
        """The tokens left after the last `take` of this name."""
        return self._buckets[name].level

    def _sweep(self, now: float) -> None:
        self._buckets = {
            name: bucket
            for name, bucket in self._buckets.items()
            if not bucket.is_full(now, self._per_s, self._burst)
        }
        self._sweep_at = max(MAX_BUCKETS, 2 * len(self._buckets))
