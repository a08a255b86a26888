"""The wall clock of this process.

Times that are compared with those of others come from the database's clock, which is one for all;
this one names what is made here. A test may shift it, as a machine whose clock is wrong or jumps.
"""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime

_shift_ms = 0


def now() -> datetime:
    """In UTC."""
    return datetime.fromtimestamp(time.time() + _shift_ms / 1000, UTC)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000 + _shift_ms


def shift(seconds: float) -> None:
    """For tests only: from now on this clock is wrong by so much."""
    global _shift_ms
    _shift_ms = round(seconds * 1000)


def jump_on_signal(seconds: float) -> None:
    """For tests only: SIGUSR1 makes the clock wrong by so much, and a second one right again."""

    def jump(*_: object) -> None:
        shift(0.0 if _shift_ms else seconds)

    signal.signal(signal.SIGUSR1, jump)
