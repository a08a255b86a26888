"""A delivery that is cancelled while a sender holds it ends cancelled instead of being retried.

The check runs in the transaction that writes the end, but in a separate statement after the row
lock: only then is a cancellation visible that committed while we waited for the lock. A delivery
that a provider accepted or refused permanently is not checked: its outcome stands.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from clarion.records.cancellations import BY_CALLER, IS_CANCELLED
from clarion.records.deliveries import found_in, move, statement
from clarion.rules.delivery_states import SETTLE, State
from clarion.store.database import Driver
from services.notifier import metrics

HOLD = statement(
    """
SELECT notification FROM deliveries
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
FOR UPDATE
""",
    ours=found_in(SETTLE),
)

ASK = statement(
    """
SELECT n.cancelled_at IS NOT NULL OR {is_cancelled}
FROM notifications n LEFT JOIN events e ON e.id = n.event
WHERE n.id = $1
""",
    is_cancelled=IS_CANCELLED,
)

END = statement(
    """
UPDATE deliveries
SET state = '{cancelled}', reason = $2, due_at = NULL, leased_until = NULL, rounds = 0,
    updated_at = now()
WHERE id = $1 AND state IN ({ours})
""",
    cancelled=move(SETTLE, State.SENDING, State.CANCELLED),
    ours=found_in(SETTLE),
)


async def is_cancelled(tx: Driver, delivery: UUID, until: datetime) -> bool:
    """Whether a delivery that we lease until `until` is cancelled. Locks its row in `tx`."""
    notification = await tx.fetchval(HOLD, delivery, until)
    return notification is not None and bool(await tx.fetchval(ASK, notification))


async def end_cancelled(tx: Driver, delivery: UUID) -> None:
    """End a delivery as cancelled; its row is locked."""
    await tx.execute(END, delivery, BY_CALLER)


async def end_if_cancelled(tx: Driver, delivery: UUID, until: datetime) -> bool:
    """End the delivery if it is cancelled; returns whether it was."""
    if cancelled := await is_cancelled(tx, delivery, until):
        await end_cancelled(tx, delivery)
    return cancelled


def count_cancelled(channel: str) -> None:
    """Count a cancelled delivery. Call it after the commit."""
    metrics.ENDED.labels(channel, State.CANCELLED.value).inc()
