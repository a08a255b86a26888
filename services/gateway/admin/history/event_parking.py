"""Why an event is parked, read from the parked message while it exists."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import LargeBinary, Row, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import parked

_p = parked.c
_encode = msgspec.json.Encoder().encode

HOLDS = text("position(:name IN parked.body) > 0")
"""Searched in the database: there may be many large bodies under one trace."""


async def parking_of(connection: AsyncConnection, event: Row[Any]) -> dict[str, Any] | None:
    """The newest parked message with this event; `None` once redriven or deleted."""
    name = bindparam("name", name_in_envelope(event), LargeBinary)
    statement = (
        select(_p.id, _p.reason, _p.detail)
        .where(
            _p.tenant == event.tenant,
            _p.trace_id == event.trace_id,
            _p.reason != "not_allowed",
            HOLDS.bindparams(name),
        )
        .order_by(_p.id.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)


def name_in_envelope(event: Row[Any]) -> bytes:
    """How an entry of an envelope begins (`contracts.envelope.Entry`)."""
    named = {"id": event.event_id, "source": event.source, "tenant": event.tenant}
    return _encode(named).removesuffix(b"}") + b","
