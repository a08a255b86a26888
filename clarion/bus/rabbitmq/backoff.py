"""How long to wait before the next try, and how long for its answer."""

from __future__ import annotations

import random
from collections.abc import Callable

BASE_S = 0.2
CAP_S = 5.0
CONNECT_TIMEOUT_S = 5.0
MAX_CONNECT_TIMEOUT_S = 10.0


class Backoff:
    """Exponential back-off with full jitter: the clients of one broker do not reconnect
    together."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._tries = 0

    def next_s(self) -> float:
        """Seconds until the next try: between 0 and 0.2 s, 0.4 s, ... 5 s."""
        ceiling = min(CAP_S, BASE_S * 2.0 ** min(self._tries, 10))
        self._tries += 1
        return self._uniform(0, ceiling)

    def reset(self) -> None:
        """Record a success."""
        self._tries = 0


class ConnectTimeout:
    """The timeout of a connection attempt. It doubles after each timeout: a limit that a busy
    broker cannot meet makes all its clients retry, which keeps it busy."""

    def __init__(self) -> None:
        self.seconds = CONNECT_TIMEOUT_S

    def failed(self, error: BaseException | None) -> None:
        """Record a failure; only a timeout raises the limit."""
        if isinstance(error, TimeoutError):
            self.seconds = min(MAX_CONNECT_TIMEOUT_S, 2 * self.seconds)
        else:
            self.reset()

    def reset(self) -> None:
        """It answered."""
        self.seconds = CONNECT_TIMEOUT_S
