"""The OpenAPI responses of rate-limited routes (`services.pusher.access.quota`)."""

from __future__ import annotations

from typing import Any

from clarion.http.problems import problem_responses
from services.pusher.access.quota import POLICY, WINDOW_S

QUOTA_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "Remaining requests (`r`), and the seconds until there are more (`t`)",
        "schema": {"type": "string"},
        "example": f'"{POLICY}";r=2999;t=1',
    },
    "RateLimit-Policy": {
        "description": "Requests (`q`) that a subscriber may make per window of `w` seconds",
        "schema": {"type": "string"},
        "example": f'"{POLICY}";q=3000;w={WINDOW_S}',
    },
}
RETRY_AFTER: dict[str, Any] = {
    "description": "The seconds until there are more requests",
    "schema": {"type": "integer", "minimum": 1},
}


def limited_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """As `problem_responses`, with a 429."""
    documented = problem_responses(*statuses, 429)
    documented[429]["headers"] = QUOTA_HEADERS | {"Retry-After": RETRY_AFTER}
    return documented
