"""Prometheus metrics that the services share; each has its own in its `metrics` module.

Names are `clarion_<what>_total`, `_seconds` or `_bytes`. No label ever holds a tenant or a user.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

BACKGROUND_RESTARTS = Counter(
    "clarion_background_restarts_total",
    "Background loops that crashed and were started again.",
    ["task"],
)

UNEXPECTED_ERRORS = Counter(
    "clarion_unexpected_errors_total",
    "Requests answered with 500: each is a defect and has a log line with its trace id.",
)

REFUSED_ORIGINS = Counter(
    "clarion_refused_origins_total",
    "Pages refused for their Origin, by what they asked for: websocket, stream or cors.",
    ["surface"],
)

ILLEGAL_MOVES = Counter(
    "clarion_illegal_moves_total",
    "Moves of deliveries that the state table refused: each is a defect.",
)


def exposition() -> tuple[bytes, str]:
    """All metrics of this process in Prometheus' text format, and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
