"""Captured and parked messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import captures, deliveries, notifications, parked
from services.gateway.admin.history.schemas import CapturePage

MAX_BODY_SHOWN = 4096

_c = captures.c
_p = parked.c


def captures_statement(
    tenant: str, filters: CapturePage, after: UUID | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches older than `after`."""
    statement = (
        select(captures, deliveries.c.notification, notifications.c.subscriber)
        .select_from(
            captures.outerjoin(deliveries, deliveries.c.id == _c.delivery).outerjoin(
                notifications, notifications.c.id == deliveries.c.notification
            )
        )
        .where(_c.tenant == tenant)
        .order_by(_c.id.desc())
        .limit(limit)
    )
    given = (
        (_c.delivery, filters.delivery),
        (_c.channel, filters.channel),
        (_c.recipient, filters.recipient),
        (notifications.c.subscriber, filters.subscriber),
    )
    statement = statement.where(*(column == value for column, value in given if value is not None))
    return statement if after is None else statement.where(_c.id < after)


async def list_captures(
    connection: AsyncConnection, tenant: str, filters: CapturePage, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """See `captures_statement`."""
    rows = await connection.execute(captures_statement(tenant, filters, after, limit))
    return [dict(row) for row in rows.mappings()]


def parked_statement(
    tenant: str, *, also_unowned: bool, after: UUID | None, limit: int
) -> Select[Any]:
    """The newest `limit` of a tenant; `also_unowned` adds those without a tenant."""
    owned = _p.tenant == tenant
    statement = (
        select(
            *(column for column in _p if column.name != "body"),
            func.substring(_p.body, 1, MAX_BODY_SHOWN).label("head"),
            func.octet_length(_p.body).label("size"),
        )
        .where(or_(owned, _p.tenant.is_(None)) if also_unowned else owned)
        .order_by(_p.id.desc())
        .limit(limit)
    )
    return statement if after is None else statement.where(_p.id < after)


async def list_parked(
    connection: AsyncConnection,
    tenant: str,
    *,
    also_unowned: bool,
    after: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """See `parked_statement`."""
    statement = parked_statement(tenant, also_unowned=also_unowned, after=after, limit=limit)
    return [
        {**row, "body": bytes(row["head"]).decode("utf-8", "replace")}
        for row in (await connection.execute(statement)).mappings()
    ]
