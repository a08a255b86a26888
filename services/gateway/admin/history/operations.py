"""Captured and parked messages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import captures, deliveries, notifications, parked
from services.gateway.admin.history.schemas import CapturePage
from services.gateway.admin.scan import (
    MAX_ROWS_JOINED,
    MAX_ROWS_SCANNED,
    PageRows,
    Place,
    Row,
    Walk,
    find,
    matching,
)

MAX_BODY_SHOWN = 4096

_c = captures.c
_p = parked.c


def captures_statement(
    tenant: str, filters: CapturePage, after: Place | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches after this place, within a bounded scan."""
    is_joined = filters.subscriber is not None
    walk = Walk(
        captures,
        (_c.tenant, tenant),
        (_c.id,),
        rows=MAX_ROWS_JOINED if is_joined else MAX_ROWS_SCANNED,
    )
    walked = walk.select(after)
    if filters.delivery is not None:
        walked = select(captures).where(_c.delivery == filters.delivery)
        walked = walked if after is None else walked.where(_c.id < after[0])

    def matches(row: Any) -> list[ColumnElement[bool]]:
        given = (
            (row.tenant, tenant),
            (row.delivery, filters.delivery),
            (row.channel, filters.channel),
            (row.recipient, filters.recipient),
            (row.subscriber if is_joined else None, filters.subscriber),
        )
        return [column == value for column, value in given if value is not None]

    if is_joined:
        return matching(_with_owner(walked), walk.rows, limit, matches)
    return _with_owner(matching(walked, walk.rows, limit, matches))


def _with_owner(found: Select[Any]) -> Select[Any]:
    one = found.subquery("c")
    return select(one, deliveries.c.notification, notifications.c.subscriber).select_from(
        one.outerjoin(deliveries, deliveries.c.id == one.c.delivery).outerjoin(
            notifications, notifications.c.id == deliveries.c.notification
        )
    )


async def list_captures(
    connection: AsyncConnection, tenant: str, filters: CapturePage, after: Place | None, limit: int
) -> PageRows:
    """See `captures_statement`."""
    return await find(connection, captures_statement(tenant, filters, after, limit), ["id"])


def parked_statement(tenant: str | None, after: Place | None, limit: int) -> Select[Any]:
    """The newest `limit` of a tenant, or of those without one."""
    columns = (
        *(column for column in _p if column.name != "body"),
        func.substring(_p.body, 1, MAX_BODY_SHOWN).label("head"),
        func.octet_length(_p.body).label("size"),
    )
    if tenant is not None:
        walk = Walk(parked, (_p.tenant, tenant), (_p.id,), rows=limit)
        return walk.select(after, columns=columns)
    statement = select(*columns).where(_p.tenant.is_(None))
    statement = statement.order_by(_p.tenant.desc(), _p.id.desc()).limit(limit)
    return statement if after is None else statement.where(_p.id < after[0])


async def list_parked(
    connection: AsyncConnection,
    tenant: str,
    *,
    also_unowned: bool,
    after: Place | None,
    limit: int,
) -> PageRows:
    """The newest `limit` of a tenant; `also_unowned` adds those without a tenant."""
    rows: list[tuple[Row, Place]] = []
    for owner in (tenant, None) if also_unowned else (tenant,):
        found = await find(connection, parked_statement(owner, after, limit), ["id"], _shown)
        rows += found.rows
    rows.sort(key=lambda row: row[1], reverse=True)
    return PageRows(rows[:limit])


def _shown(row: RowMapping) -> dict[str, Any]:
    return {**row, "body": bytes(row["head"]).decode("utf-8", "replace")}
