"""What is cancelled while a sender has it ends cancelled, where it would be tried again.

Asked before the end is written and in its transaction, but in a statement of its own: once the row
is ours, what a cancellation committed while we waited for it is seen. What the provider took or
refused for good is not asked about: that stays true.
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
    """Whether a delivery is cancelled that is ours until then, and stays ours in `tx`."""
    notification = await tx.fetchval(HOLD, delivery, until)
    return notification is not None and bool(await tx.fetchval(ASK, notification))


async def end_cancelled(tx: Driver, delivery: UUID) -> None:
    """End a delivery whose row is ours."""
    await tx.execute(END, delivery, BY_CALLER)


async def end_if_cancelled(tx: Driver, delivery: UUID, until: datetime) -> bool:
    """Whether it was, and is ended."""
    if cancelled := await is_cancelled(tx, delivery, until):
        await end_cancelled(tx, delivery)
    return cancelled


def count_cancelled(channel: str) -> None:
    """Once it is committed."""
    metrics.ENDED.labels(channel, State.CANCELLED.value).inc()
