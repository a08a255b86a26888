"""Deliveries that have failed for good, told in the log: what the operator has to know of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog

from clarion.rules.delivery_states import State
from clarion.store.database import Driver

FINAL = frozenset({State.FAILED, State.DEAD})

WHOSE = """
SELECT n.subscriber, n.trace_id, e.source, e.event_id
FROM deliveries d
JOIN notifications n ON n.id = d.notification
JOIN events e ON e.id = n.event
WHERE d.id = $1
"""

log = structlog.get_logger("clarion.notifier")


async def whose(tx: Driver, delivery: UUID, state: State) -> Any:
    """Event and subscriber of a delivery that has failed for good; `None` for any other."""
    return await tx.fetchrow(WHOSE, delivery) if state in FINAL else None


def tell(found: Any, delivery: UUID, channel: str, state: State, **said: str | None) -> None:
    """A warning, where `whose` found something. Call it once the state is committed."""
    if found is None:
        return
    log.warning(
        "delivery_failed",
        delivery=str(delivery),
        channel=channel,
        state=state.value,
        **said,
        event_id=found["event_id"],
        source=found["source"],
        subscriber=found["subscriber"],
        trace_id=found["trace_id"],
    )
