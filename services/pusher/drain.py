"""How a pusher that stops lets its sessions go: told first, then closed one after the other.

The whole takes as long as the other pushers need to take the sessions in at their handshake rate,
and at most half of the time that stopping may take.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import SystemRandom

import structlog

from services.pusher.deadlines import depart
from services.pusher.session import Session

log = structlog.get_logger("clarion.pusher")

LEAST_JITTER_MS = 500

_random = SystemRandom()


class Drain:
    """Begins once, and is never undone."""

    def __init__(
        self,
        sessions: Callable[[], Collection[Session]],
        *,
        sessions_per_s: float,
        longest_s: float,
    ) -> None:
        self._sessions = sessions
        self._sessions_per_s = sessions_per_s
        self._longest_s = longest_s
        self.has_begun = False

    def begin(self) -> None:
        """Say `reconnect` to every session and close each in its turn with 1012."""
        if self.has_begun:
            return
        self.has_begun = True
        sessions = list(self._sessions())
        spread_s = len(sessions) / self._sessions_per_s
        jitter_ms = max(LEAST_JITTER_MS, int(spread_s * 1000))
        wait_s = min(spread_s, self._longest_s) / max(1, len(sessions))
        log.info("draining", sessions=len(sessions), seconds=round(wait_s * len(sessions), 1))
        for position, session in enumerate(sessions):
            depart(session, _random.randrange(jitter_ms), wait_s * position)
