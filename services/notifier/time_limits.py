"""Time limits of attempts, leases and the shutdown."""

from __future__ import annotations

from datetime import timedelta

GRACE_S = 5.0
"""Beyond its time limit plus this, a call is cancelled and its outcome is `Unknown`."""

RECORD_S = 5.0
"""The part of the shutdown time reserved for recording cancelled attempts."""


def lease_time(timeout_s: float) -> timedelta:
    """The duration of a lease: twice the time limit of a call with its grace, so that an expired
    lease means a dead sender."""
    return timedelta(seconds=2 * (timeout_s + GRACE_S))


def stop_time_s(shutdown_timeout_s: float, timeout_s: float) -> float:
    """The longest shutdown: at least one call and its recording."""
    return max(shutdown_timeout_s, timeout_s + GRACE_S + RECORD_S)
