"""Publish again with confirm, then delete: in that order, so that nothing is lost.

A crash in between leaves the row, and the next call publishes again: planning recognises events by
their keys and senders recognise deliveries by their state, so a second message does nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.bus.protocol import Bus
from clarion.contracts.slice import Slice
from clarion.errors import Conflict
from clarion.store.database import Database
from clarion.store.tables import events, parked, slices
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.audit.record import changes_of, record_changes
from services.gateway.admin.parked.reading import whole
from services.gateway.admin.parked.repair import (
    address_of,
    check_allowed,
    events_in,
    message_of,
    slice_of,
)

REDRIVE = "parked.redrive"
DELETE = "parked.delete"
OF_EVENTS = {REDRIVE: "event.redrive", DELETE: "event.discard"}
"""What the same is for the events in the message."""


async def redrive_parked(
    database: Database, bus: Bus, key: ApiKey, identifier: UUID
) -> dict[str, Any] | None:
    """Publish it to the notifier again; `None` if there is no such message.

    Raises `Conflict` if it cannot be processed, or `BusUnavailable`; it then stays parked.
    """
    row, was_redriven = await database.run_core(partial(_find, key, identifier))
    if row is None:
        return {"id": identifier, "redriven": False} if was_redriven else None
    check_allowed(row)
    piece = slice_of(row)
    if piece is None:
        exchange, routing_key = address_of(row)
        await bus.publish(exchange, routing_key, message_of(row))

    async def change(connection: AsyncConnection) -> bool:
        if piece is not None:
            await _open_again(connection, piece)
        return await _remove(connection, key, row, REDRIVE)

    return {"id": identifier, "redriven": await database.run_core(change)}


async def delete_parked(database: Database, key: ApiKey, identifier: UUID) -> bool:
    """Delete it; `False` if there is no such message."""

    async def change(connection: AsyncConnection) -> bool:
        row = await whole(connection, key, identifier)
        return row is not None and await _remove(connection, key, row, DELETE)

    return await database.run_core(change)


async def _find(
    key: ApiKey, identifier: UUID, connection: AsyncConnection
) -> tuple[Row[Any] | None, bool]:
    """The row, and whether it existed and was redriven before."""
    row = await whole(connection, key, identifier)
    if row is not None:
        return row, False
    earlier = await changes_of(connection, key.tenant, [identifier])
    return None, any(change["action"] == REDRIVE for change in earlier)


async def _remove(connection: AsyncConnection, key: ApiKey, row: Row[Any], action: str) -> bool:
    gone = await connection.execute(delete(parked).where(parked.c.id == row.id))
    if not gone.rowcount:
        return False
    detail = {"reason": row.reason, "detail": row.detail, "queue": row.queue}
    await record_changes(connection, key, action, [(row.id, detail)])
    about = [(event, detail) for event in await _parked_events(connection, row)]
    await record_changes(connection, key, OF_EVENTS[action], about)
    return True


async def _parked_events(connection: AsyncConnection, row: Row[Any]) -> list[UUID]:
    """The events of the message shown as parked in the history."""
    names = [one for one in events_in(row) if row.tenant is None or one[0] == row.tenant]
    if not names:
        return []
    columns = events.c
    statement = select(columns.id).where(
        tuple_(columns.tenant, columns.source, columns.event_id).in_(names),
        columns.state == "parked",
    )
    return list((await connection.execute(statement)).scalars())


async def _open_again(connection: AsyncConnection, piece: Slice) -> None:
    """Make it due now, for the dispatcher. A slice published before it is due is ignored."""
    columns = slices.c
    statement = (
        update(slices)
        .where(
            columns.event == piece.event,
            columns.topic == piece.topic,
            columns.after == piece.after,
        )
        .values(due_at=func.now())
    )
    if not (await connection.execute(statement)).rowcount:
        raise Conflict("Its event no longer exists.", code="no_event")
