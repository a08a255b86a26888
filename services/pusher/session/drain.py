"""How a pusher that stops lets its sessions go: each is told when to leave, is served until then,
and closed if it did not.

The whole takes as long as the other pushers need to take the sessions in at their handshake rate.
At half of the time that stopping may take those that are left are closed; they come back when they
were told.
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
"""How much later than it was told to leave a session is closed."""

_random = SystemRandom()


class Drain:
    """Begins once, and is never undone."""

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
        """Say `reconnect` to every session and close each in its turn with 1012."""
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
