"""Logs permanent failures of deliveries with their event and subscriber."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog

from clarion.rules.delivery_states import State
from clarion.store.database import Driver

FINAL = frozenset({State.FAILED, State.DEAD})

FINAL_FAILURE = """
SELECT n.subscriber, n.trace_id, e.source, e.event_id
FROM deliveries d
JOIN notifications n ON n.id = d.notification
JOIN events e ON e.id = n.event
WHERE d.id = $1
"""

log = structlog.get_logger("clarion.notifier")


async def final_failure_of(tx: Driver, delivery: UUID, state: State) -> Any:
    """The event and subscriber of a permanently failed delivery; None in any other state."""
    return await tx.fetchrow(FINAL_FAILURE, delivery) if state in FINAL else None


def log_final_failure(
    failure: Any, delivery: UUID, channel: str, state: State, **more: str | None
) -> None:
    """Log a warning unless `failure` is None. Call it after the commit."""
    if failure is None:
        return
    log.warning(
        "delivery_failed",
        delivery=str(delivery),
        channel=channel,
        state=state.value,
        **more,
        event_id=failure["event_id"],
        source=failure["source"],
        subscriber=failure["subscriber"],
        trace_id=failure["trace_id"],
    )
