"""Cancel unsent deliveries of one notification or of a whole event.

Cancelled are `scheduled` and `queued` deliveries, items held back from an inbox, and unplanned
slices of the audience. A delivery that is being sent goes on, for the row lock
was its sender's; it is made to expire, so that it is not tried again, and bears the reason with
which it ends where it is not taken.

The stored cancellation is checked by planning and before every attempt, so dead-lettered, failed
and unplanned work is not sent when it is processed later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.records.cancellations import BY_CALLER
from clarion.rules.delivery_states import CANCEL, State
from clarion.store.database import Database
from clarion.store.tables import cancellations, deliveries, notifications, slices
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.audit.record import record_changes

BATCH = 1_000
MAX_SHOWN = 1_000

GONE = frozenset({State.SENDING, State.SENT, State.DELIVERED})

_n = notifications.c
_s = slices.c
_c = cancellations.c

ANY_SOURCE = ""

HELD_BACK = text(
    """
UPDATE notifications SET due_at = NULL, decisions = (
  SELECT jsonb_agg(CASE WHEN d->>'channel' = 'inbox'
    THEN d || jsonb_build_object('decision', 'skip', 'reason', CAST(:reason AS text)) ELSE d END)
  FROM jsonb_array_elements(decisions) d)
WHERE id = ANY(CAST(:ids AS uuid[])) AND version IS NULL AND due_at IS NOT NULL
"""
)
"""An item already in the inbox has a version, and stays."""


LOCK_INBOX = text(
    """
SELECT 1 FROM inboxes i JOIN notifications n ON n.tenant = i.tenant AND n.subscriber = i.subscriber
WHERE n.id = :id FOR UPDATE OF i
"""
)
"""Whoever writes an item takes its inbox first."""


@dataclass(slots=True)
class Cancellation:
    """The result of a cancellation."""

    cancelled: int = 0
    not_stopped: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unplanned: bool = False
    recorded: bool = False

    def answer(self) -> dict[str, Any]:
        """The response body."""
        return {
            "cancelled": self.cancelled,
            "not_stopped": self.not_stopped[:MAX_SHOWN],
            "more_not_stopped": len(self.not_stopped) > MAX_SHOWN,
        }


async def cancel_notification(
    database: Database, key: ApiKey, notification: UUID
) -> dict[str, Any] | None:
    """Cancel one; `None` if there is no such notification. Idempotent."""

    async def stop(connection: AsyncConnection) -> dict[str, Any] | None:
        stopped = Cancellation()
        known = select(_n.id).where(_n.id == notification, _n.tenant == key.tenant)
        if await connection.scalar(known) is None:
            return None
        await connection.execute(LOCK_INBOX, {"id": notification})
        mark = update(notifications).where(_n.id == notification, _n.cancelled_at.is_(None))
        await connection.execute(mark.values(cancelled_at=func.now()))
        await _stop(connection, [notification], stopped)
        await _record(connection, key, "notification.cancel", notification, stopped)
        return stopped.answer()

    return await database.run_core(stop)


async def cancel_unknown(
    database: Database, key: ApiKey, event_id: str, source: str | None, moment: datetime
) -> None:
    """Record that events accepted before `moment` under this id must not be sent: they may be in a
    queue or among the dead letters."""
    await database.run_core(
        lambda connection: _keep(connection, key, event_id, source or ANY_SOURCE, moment)
    )


async def cancel_event(database: Database, key: ApiKey, found: Row[Any]) -> dict[str, Any]:
    """Cancel the whole event, `BATCH` subscribers per transaction. Idempotent.

    Cancelled batches stay cancelled if a later one fails: the caller repeats the call.
    """
    event = found.id

    async def stop_planning(connection: AsyncConnection) -> Cancellation:
        stopped = Cancellation()
        news = await _keep(connection, key, found.event_id, found.source, None)
        stopped.unplanned = await _stop_planning(connection, event)
        stopped.unplanned |= news and found.state == "parked"
        await _record(connection, key, "event.cancel", event, stopped)
        return stopped

    stopped = await database.run_core(stop_planning)
    after: str | None = ""
    while after is not None:
        stopped, after = await database.run_core(partial(_stop_batch, key, event, after, stopped))
    return stopped.answer()


async def _stop_batch(
    key: ApiKey, event: UUID, after: str, before: Cancellation, connection: AsyncConnection
) -> tuple[Cancellation, str | None]:
    """Return the result with the next subscribers of the event, and the last of them; `None` at the
    end."""
    stopped = replace(before, not_stopped=[*before.not_stopped])
    statement = (
        select(_n.id, _n.subscriber)
        .where(_n.event == event, _n.tenant == key.tenant, _n.subscriber > after)
        .order_by(_n.subscriber)
        .limit(BATCH)
    )
    people = (await connection.execute(statement)).all()
    await _stop(connection, [row.id for row in people], stopped)
    await _record(connection, key, "event.cancel", event, stopped)
    return stopped, people[-1].subscriber if len(people) == BATCH else None


async def _keep(
    connection: AsyncConnection, key: ApiKey, event_id: str, source: str, moment: datetime | None
) -> bool:
    """Whether this adds to the stored cancellation."""
    given = {"tenant": key.tenant, "event_id": event_id, "source": source, "actor": key.name}
    statement = insert(cancellations).values(**given, accepted_before=moment)
    until = statement.excluded.accepted_before
    kept = statement.on_conflict_do_update(
        index_elements=[_c.tenant, _c.event_id, _c.source],
        set_={"accepted_before": until},
        where=_c.accepted_before.is_not(None) & (_c.accepted_before < until).is_not(False),
    )
    return (await connection.execute(kept)).rowcount > 0


async def _stop(connection: AsyncConnection, ids: Sequence[UUID], stopped: Cancellation) -> None:
    lock = (
        select(deliveries.c.id, deliveries.c.state)
        .where(deliveries.c.notification.in_(ids), deliveries.c.state.in_([*CANCEL.sources, *GONE]))
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    found = (await connection.execute(lock)).all()
    stoppable = [row.id for row in found if row.state in CANCEL.sources]
    ended = {"state": State.CANCELLED, "reason": BY_CALLER, "due_at": None, "leased_until": None}
    if stoppable:
        change = update(deliveries).where(deliveries.c.id.in_(stoppable))
        await connection.execute(change.values(**ended, updated_at=func.now()))
    sending = [row.id for row in found if row.state == State.SENDING]
    if sending:
        last = update(deliveries).where(deliveries.c.id.in_(sending))
        no_later = func.least(deliveries.c.expires_at, func.now())
        await connection.execute(last.values(expires_at=no_later, reason=BY_CALLER))
    held = await connection.execute(HELD_BACK, {"ids": list(ids), "reason": BY_CALLER})
    stopped.cancelled += len(stoppable) + held.rowcount
    stopped.not_stopped += [
        {"delivery": row.id, "state": row.state} for row in found if row.state in GONE
    ][: MAX_SHOWN + 1 - len(stopped.not_stopped)]


async def _stop_planning(connection: AsyncConnection, event: UUID) -> bool:
    """Stop planning; return whether part of the audience was unplanned.

    A planner holding the lock opens the next slice before it releases it, so look again.
    """
    pending = select(_s.topic).where(_s.event == event, _s.due_at.is_not(None))
    while (await connection.execute(pending)).first() is not None:
        locked = (await connection.execute(pending.with_for_update())).all()
        if locked:
            change = update(slices).where(_s.event == event, _s.due_at.is_not(None))
            await connection.execute(change.values(due_at=None))
            return True
    return False


async def _record(
    connection: AsyncConnection, key: ApiKey, action: str, subject: UUID, stopped: Cancellation
) -> None:
    """Record a cancellation once, and only if it changed something."""
    sending = any(delivery["state"] == "sending" for delivery in stopped.not_stopped)
    if not stopped.recorded and (stopped.cancelled or stopped.unplanned or sending):
        detail = {"unplanned": stopped.unplanned}
        await record_changes(connection, key, action, [(subject, detail)])
        stopped.recorded = True
