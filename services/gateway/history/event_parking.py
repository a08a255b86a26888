"""Why an event is parked: the parked message says it, as long as it lies there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import parked
from services.gateway.parked.repair import events_in

MAX_OF_ONE_TRACE = 50

_p = parked.c


async def parking_of(connection: AsyncConnection, event: Row[Any]) -> dict[str, Any] | None:
    """The newest parked message that holds this event; None where it was redriven or deleted."""
    statement = (
        select(parked)
        .where(_p.tenant == event.tenant, _p.trace_id == event.trace_id)
        .order_by(_p.id.desc())
        .limit(MAX_OF_ONE_TRACE)
    )
    name = (event.tenant, event.source, event.event_id)
    for row in (await connection.execute(statement)).all():
        if name in events_in(row):
            return {"id": row.id, "reason": row.reason, "detail": row.detail}
    return None
