"""How long one attempt may take, and what follows from that for leases and for a stop."""

from __future__ import annotations

from datetime import timedelta

GRACE_S = 5.0
"""Past its time limit a provider is cut off, and what came of the attempt is not known."""

RECORD_S = 5.0
"""Of the time that a stop may take, what is kept for recording attempts that have to be cut."""


def lease_time(timeout_s: float) -> timedelta:
    """How long one call may keep a delivery: twice its time limit with its grace, so that a lease
    that has run out means a sender that died."""
    return timedelta(seconds=2 * (timeout_s + GRACE_S))


def stop_time_s(shutdown_timeout_s: float, timeout_s: float) -> float:
    """How long a stop may take: at least as long as one call, and recording it."""
    return max(shutdown_timeout_s, timeout_s + GRACE_S + RECORD_S)
