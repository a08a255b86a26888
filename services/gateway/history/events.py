"""One event and what became of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import events, notifications

MAX_RECIPIENTS_SHOWN = 1_000


async def find_event(
    connection: AsyncConnection, tenant: str, event_id: str, source: str | None
) -> dict[str, Any] | None:
    """The newest event of this id (of this source, where given), with its recipients."""
    statement = (
        select(events)
        .where(events.c.tenant == tenant, events.c.event_id == event_id)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    if source is not None:
        statement = statement.where(events.c.source == source)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    recipients = await _reached(connection, tenant, row.id)
    recipients += [{"notification_id": None, **one} for one in row.unreached]
    return {
        **row.body,
        "id": row.event_id,
        "source": row.source,
        "type": row.type,
        "category": row.category,
        "lane": row.lane,
        "accepted_at": row.accepted_at,
        "planned_at": row.planned_at,
        "state": row.state,
        "recipients": recipients[:MAX_RECIPIENTS_SHOWN],
        "more_recipients": len(recipients) > MAX_RECIPIENTS_SHOWN,
        "conflicts": row.conflicts,
        "trace_id": row.trace_id,
    }


async def _reached(connection: AsyncConnection, tenant: str, event: object) -> list[dict[str, Any]]:
    columns = notifications.c
    statement = (
        select(columns.subscriber, columns.id, columns.decisions)
        .where(columns.event == event, columns.tenant == tenant)
        .order_by(columns.subscriber)
        .limit(MAX_RECIPIENTS_SHOWN + 1)
    )
    return [
        {"subscriber": row.subscriber, "notification_id": row.id, "decisions": row.decisions}
        for row in await connection.execute(statement)
    ]
