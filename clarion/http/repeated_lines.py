"""Log lines that a stranger can cause: bounded, and none of what they stand for is forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable

from clarion.http.rate_limit import RateLimit

LOG_EVERY_S = 60.0
"""Of one cause; the lines of all together are bounded too."""
LOGS_PER_S = 5
MAX_CAUSES = 10_000
EVERYBODY = ""


class RepeatedLines:
    """At most one line a minute for each cause, and five a second for all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = RateLimit("log", LOGS_PER_S, clock=clock)
        self._logged: dict[str, tuple[float, int]] = {}

    def count(self, cause: str) -> int:
        """Count one more; for how many a line is to be written now, 0 where none is due."""
        now = self._clock()
        due_at, unlogged = self._logged.get(cause, (now, 0))
        is_due = due_at <= now and self._rate.take(EVERYBODY).is_allowed
        self._logged[cause] = (now + LOG_EVERY_S, 0) if is_due else (due_at, unlogged + 1)
        if len(self._logged) > MAX_CAUSES:
            self._logged.pop(next(iter(self._logged)))
        return unlogged + 1 if is_due else 0
