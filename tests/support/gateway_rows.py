"""Rows as the notifier writes them, for tests of what the gateway reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from clarion.contracts.ids import new_id
from clarion.store.database import Database
from clarion.store.tables import attempts, captures, deliveries, events, notifications, parked

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


async def put(database: Database, table: Any, **values: Any) -> UUID:
    """One row; its id is new unless given."""
    row = {"id": UUID(new_id()), **values}
    async with database.transaction() as connection:
        await connection.execute(insert(table).values(**row))
    return row["id"]


async def put_event(database: Database, moment: datetime, **values: Any) -> UUID:
    """An event of tenant `default` that was planned."""
    row: dict[str, Any] = {
        "tenant": "default",
        "source": "shop",
        "event_id": "o-1",
        "type": "order.shipped",
        "category": "orders",
        "lane": "normal",
        "time": moment,
        "accepted_at": moment,
        "planned_at": moment,
        "state": "planned",
        "body": {"type": "order.shipped", "to": "user:42", "data": {"n": 1}},
        "trace_id": TRACE_ID,
    }
    return await put(database, events, **row | values)


async def put_notification(database: Database, event: UUID, **values: Any) -> UUID:
    """A notification of subscriber 42 in the inbox."""
    row: dict[str, Any] = {
        "tenant": "default",
        "subscriber": "42",
        "event": event,
        "version": 1,
        "type": "order.shipped",
        "category": "orders",
        "lane": "normal",
        "title": "Your order",
        "body": "is on its way",
        "url": "/orders/1",
        "decisions": [{"channel": "inbox", "decision": "send", "reason": "requested"}],
        "trace_id": TRACE_ID,
    }
    return await put(database, notifications, **row | values)


async def put_delivery(database: Database, notification: UUID, **values: Any) -> UUID:
    """An email that was sent."""
    row: dict[str, Any] = {
        "tenant": "default",
        "notification": notification,
        "channel": "email",
        "lane": "normal",
        "state": "sent",
        "provider": "smtp",
        "recipient": "a@b.example",
        "trace_id": TRACE_ID,
    }
    return await put(database, deliveries, **row | values)


async def put_attempt(database: Database, delivery: UUID, **values: Any) -> UUID:
    """A first attempt that was taken."""
    row: dict[str, Any] = {
        "tenant": "default",
        "delivery": delivery,
        "n": 1,
        "provider": "smtp",
        "duration_ms": 20,
        "outcome": "sent",
    }
    return await put(database, attempts, **row | values)


async def put_capture(database: Database, delivery: UUID, **values: Any) -> UUID:
    """An email in a capture box."""
    row: dict[str, Any] = {
        "tenant": "default",
        "delivery": delivery,
        "channel": "email",
        "recipient": "a@b.example",
        "message": {"subject": "Your order", "text": "is on its way"},
    }
    return await put(database, captures, **row | values)


async def put_parked(database: Database, **values: Any) -> UUID:
    """A message of tenant `default` that was no JSON."""
    row: dict[str, Any] = {
        "tenant": "default",
        "queue": "clarion.events.normal",
        "reason": "malformed",
        "detail": "The body is not JSON.",
        "content_type": "application/json",
        "headers": {},
        "body": b"\xff{",
    }
    return await put(database, parked, **row | values)
