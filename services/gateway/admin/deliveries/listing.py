"""The list of deliveries, newest first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import lowest_id_at
from clarion.store.tables import deliveries, notifications
from services.gateway.admin.deliveries.schemas import DeliveryPage, Filters
from services.gateway.admin.history.schemas import CLOCKS_DIFFER, EARLIEST


def list_statement(
    tenant: str, filters: DeliveryPage, after: UUID | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches older than `after`."""
    found = (
        select(deliveries)
        .where(deliveries.c.tenant == tenant, *conditions(filters))
        .order_by(deliveries.c.id.desc())
        .limit(limit)
    )
    if filters.state is not None:
        found = found.where(deliveries.c.state == filters.state)
    if after is not None:
        found = found.where(deliveries.c.id < after)
    one = found.subquery("d")
    return (
        select(one, notifications.c.subscriber)
        .select_from(one.outerjoin(notifications, notifications.c.id == one.c.notification))
        .order_by(one.c.id.desc())
    )


async def list_deliveries(
    connection: AsyncConnection,
    tenant: str,
    filters: DeliveryPage,
    after: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """See `list_statement`."""
    statement = list_statement(tenant, filters, after, limit)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """The conditions on a delivery except its state."""
    given: tuple[tuple[ColumnElement[Any], object], ...] = (
        (deliveries.c.channel, filters.channel),
        (deliveries.c.provider, filters.provider),
        (deliveries.c.reason, filters.reason),
        (deliveries.c.notification, filters.notification),
    )
    found = [column == value for column, value in given if value is not None]
    if filters.since is not None:
        lowest = lowest_id_at(max(filters.since - CLOCKS_DIFFER, EARLIEST))
        found += [deliveries.c.id >= lowest, deliveries.c.created_at >= filters.since]
    if filters.until is not None:
        highest = lowest_id_at(filters.until + CLOCKS_DIFFER)
        found += [deliveries.c.id < highest, deliveries.c.created_at < filters.until]
    return found
