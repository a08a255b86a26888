"""The drain of a stopping pusher: each session gets a `reconnect`, is served until then, and closed
with 1012 if it is still there.

The reconnections are spread over the time that other pushers need at their handshake rate. At half
of the shutdown timeout all remaining sessions are closed; their clients still reconnect at the
announced time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import SystemRandom

import structlog

from services.pusher.session.deadlines import send_reconnect
from services.pusher.session.session import Session

log = structlog.get_logger("clarion.pusher")

MIN_SPREAD_S = 0.5
GRACE_S = 0.5
"""Between the announced reconnection and the close."""

_random = SystemRandom()


class Drain:
    """Begins once and is final."""

    def __init__(
        self,
        sessions: Callable[[], Collection[Session]],
        *,
        sessions_per_s: float,
        max_duration_s: float,
    ) -> None:
        self._sessions = sessions
        self._sessions_per_s = sessions_per_s
        self._max_duration_s = max_duration_s
        self.has_begun = False

    def begin(self) -> None:
        """Send `reconnect` to every session and schedule its close."""
        if self.has_begun:
            return
        self.has_begun = True
        sessions = list(self._sessions())
        spread_s = max(MIN_SPREAD_S, len(sessions) / self._sessions_per_s)
        log.info("draining", sessions=len(sessions), seconds=round(spread_s, 1))
        for session in sessions:
            after_s = _random.uniform(0, spread_s)
            send_reconnect(
                session, int(after_s * 1000), min(after_s + GRACE_S, self._max_duration_s)
            )
