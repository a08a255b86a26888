"""Bounds that need a clock but no timer."""

from __future__ import annotations


class Bucket:
    """A token bucket: `burst` at once, `per_s` in the long run. It fills when it is asked."""

    __slots__ = ("_at", "_level")

    def __init__(self, now: float, burst: float) -> None:
        self._level = burst
        self._at = now

    def take(self, now: float, per_s: float, burst: float) -> bool:
        """Take one; `False` where there is none."""
        self._level = min(burst, self._level + (now - self._at) * per_s)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
