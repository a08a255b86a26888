"""One event and its outcome, from stored records alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import deliveries, events, notifications, slices
from services.gateway.admin.audit.record import changes_of
from services.gateway.admin.history.event_parking import parking_of
from services.gateway.admin.history.event_timeline import event_timeline

MAX_RECIPIENTS_SHOWN = 1_000
MAX_EARLIER_SHOWN = 20


DOCUMENT = func.coalesce(cast(events.c.document, Text), cast(events.c.body, Text))
_COLUMNS = (
    *(column for column in events.c if column.name not in ("document", "body")),
    DOCUMENT.label("document"),
)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def newest_event(
    connection: AsyncConnection, tenant: str, event_id: str, source: str | None
) -> Row[Any] | None:
    """The newest event of this id (of this source, if given)."""
    statement = (
        select(*_COLUMNS)
        .where(events.c.tenant == tenant, events.c.event_id == event_id)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    if source is not None:
        statement = statement.where(events.c.source == source)
    return (await connection.execute(statement)).one_or_none()


async def find_event(
    connection: AsyncConnection,
    tenant: str,
    event_id: str,
    source: str | None,
    subscriber: str | None = None,
) -> dict[str, Any] | None:
    """The newest event of this id (of this source, if given), with its recipients or the requested
    one."""
    row = await newest_event(connection, tenant, event_id, source)
    if row is None:
        return None
    recipients = await _reached(connection, tenant, row.id, subscriber)
    recipients += [
        {"notification_id": None, "deliveries": [], **one}
        for one in row.unreached
        if subscriber is None or one["subscriber"] in (subscriber, None)
    ]
    earlier = await _earlier(connection, row)
    changes = await changes_of(connection, tenant, [row.id, *(one.id for one in earlier)])
    parking = await parking_of(connection, row) if row.state == "parked" else None
    pending = await _is_pending(connection, row.id)
    return {
        **_members(row.document),
        "id": row.event_id,
        "source": row.source,
        "type": row.type,
        "category": row.category,
        "lane": row.lane,
        "accepted_at": row.accepted_at,
        "planned_at": row.planned_at,
        "state": row.state,
        "parked": parking,
        "recipients": recipients[:MAX_RECIPIENTS_SHOWN],
        "more_recipients": len(recipients) > MAX_RECIPIENTS_SHOWN,
        "more_to_plan": pending,
        "conflicts": [_conflict(conflict) for conflict in row.conflicts],
        "timeline": event_timeline(row, earlier, parking, changes),
        "trace_id": row.trace_id,
    }


def _conflict(stored: dict[str, Any]) -> dict[str, Any]:
    """The event as shown; older rows store the body as a value instead of text."""
    text = stored.get("text")
    body = stored.get("body") if text is None else msgspec.Raw(text.encode())
    return {"at": stored["at"], "digest": stored["digest"], "body": body}


async def _reached(
    connection: AsyncConnection, tenant: str, event: UUID, subscriber: str | None
) -> list[dict[str, Any]]:
    columns = notifications.c
    statement = (
        select(columns.subscriber, columns.id, columns.decisions)
        .where(columns.event == event, columns.tenant == tenant)
        .order_by(columns.subscriber)
        .limit(MAX_RECIPIENTS_SHOWN + 1)
    )
    if subscriber is not None:
        statement = statement.where(columns.subscriber == subscriber)
    found = (await connection.execute(statement)).all()
    sent = await _sent(connection, tenant, [row.id for row in found])
    return [
        {
            "subscriber": row.subscriber,
            "notification_id": row.id,
            "decisions": row.decisions,
            "deliveries": sent.get(row.id, []),
        }
        for row in found
    ]


async def _sent(
    connection: AsyncConnection, tenant: str, ids: list[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    columns = deliveries.c
    statement = (
        select(
            columns.notification,
            columns.id,
            columns.channel,
            columns.state,
            columns.reason,
            columns.provider,
        )
        .where(columns.notification.in_(ids), columns.tenant == tenant)
        .order_by(columns.id)
    )
    sent: dict[UUID, list[dict[str, Any]]] = {}
    for row in (await connection.execute(statement)).mappings() if ids else ():
        sent.setdefault(row["notification"], []).append(dict(row))
    return sent


async def _earlier(connection: AsyncConnection, row: Row[Any]) -> Sequence[Any]:
    """The latest earlier times of parking of the same event."""
    columns = events.c
    statement = (
        select(columns.id, columns.state, columns.planned_at, columns.trace_id)
        .where(
            columns.tenant == row.tenant,
            columns.event_id == row.event_id,
            columns.source == row.source,
            columns.id < row.id,
            columns.state == "parked",
        )
        .order_by(columns.id.desc())
        .limit(MAX_EARLIER_SHOWN)
    )
    return (await connection.execute(statement)).all()


async def _is_pending(connection: AsyncConnection, event: UUID) -> bool:
    statement = select(slices.c.event).where(slices.c.event == event, slices.c.due_at.is_not(None))
    return (await connection.execute(statement.limit(1))).first() is not None
