"""What OpenAPI says of calls that are counted (`services.pusher.access.quota`)."""

from __future__ import annotations

from typing import Any

from clarion.http.problems import problem_responses
from services.pusher.access.quota import POLICY, WINDOW_S

QUOTA_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "Requests that remain (`r`), and the seconds until there are more (`t`)",
        "schema": {"type": "string"},
        "example": f'"{POLICY}";r=2999;t=1',
    },
    "RateLimit-Policy": {
        "description": "How many requests (`q`) a subscriber may make in so many seconds (`w`)",
        "schema": {"type": "string"},
        "example": f'"{POLICY}";q=3000;w={WINDOW_S}',
    },
}
RETRY_AFTER: dict[str, Any] = {
    "description": "The seconds until there are more",
    "schema": {"type": "integer", "minimum": 1},
}


def limited_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """As `problem_responses`, with the answer to those who ask too often."""
    documented = problem_responses(*statuses, 429)
    documented[429]["headers"] = QUOTA_HEADERS | {"Retry-After": RETRY_AFTER}
    return documented
