"""What a timeline says of attempts that were refused."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.admin.history.timeline import timeline

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
FOR_GOOD, NEXT, AGAIN = (
    "Refused for good",
    "Refused by this provider; the next one is tried",
    "Refused by this provider; will be retried",
)


def attempt(n: int, provider: str, outcome: str) -> dict[str, Any]:
    started_at = START + timedelta(minutes=n)
    return {
        "n": n, "provider": provider, "outcome": outcome, "started_at": started_at,
        "duration_ms": 5, "code": None, "detail": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "attempts", "driven_after", "said"),
    [
        ("sent", [("one", "failed"), ("two", "sent")], None, NEXT),
        ("failed", [("one", "failed"), ("two", "failed")], None, NEXT),
        ("failed", [("one", "failed")], None, FOR_GOOD),
        ("scheduled", [("one", "failed")], None, AGAIN),
        ("sent", [("one", "failed"), ("one", "sent")], None, AGAIN),
        ("sent", [("one", "failed"), ("one", "sent")], 1, FOR_GOOD),
        ("sent", [("two", "failed"), ("one", "sent")], 1, FOR_GOOD),
        ("queued", [("one", "failed")], 1, FOR_GOOD),
    ],
)
def test_a_refusal_was_for_good_only_where_it_ended_the_delivery(
    state: str, attempts: list[tuple[str, str]], driven_after: int | None, said: str
) -> None:
    delivery: dict[str, Any] = {
        "id": "d-1", "channel": "email", "state": state, "reason": "refused", "due_at": None,
        "created_at": START, "updated_at": START + timedelta(hours=1), "address_changes": None,
        "attempts": [attempt(n, *one) for n, one in enumerate(attempts, start=1)],
    }  # fmt: skip
    changes: list[dict[str, Any]] = []
    if driven_after is not None:
        at = START + timedelta(minutes=driven_after, seconds=30)
        detail = {"state": "failed", "reason": "refused"}
        change = {"at": at, "action": "delivery.retry", "actor": "k", "subject": "d-1"}
        changes.append(change | {"detail": detail})
    notification: dict[str, Any] = defaultdict(
        lambda: None, decisions=[], changes=[], created_at=START
    )
    entries = timeline(notification, [delivery], changes)
    told = [one["detail"] for one in entries if one["what"] == "attempted"]
    assert told[0] == f"Attempt 1 at {attempts[0][0]}, 5 ms: {said}"
    assert state != "failed" or told[-1].endswith(FOR_GOOD)
