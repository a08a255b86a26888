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
from services.gateway.admin.scan import PageRows, Place, Walk, find, in_period, matching

BY_INDEX = ("reason", "provider", "state", "channel")
"""What an index begins with after the tenant; what is likely to be rarest first."""

_d = deliveries.c


def list_statement(
    tenant: str, filters: DeliveryPage, after: Place | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches after this place, within a bounded scan."""

    def matches(row: Any) -> list[ColumnElement[bool]]:
        named = {_d[name]: value for name, value in values.items() if value is not None}
        same = [row[column.name] == value for column, value in named.items()]
        return [row.tenant == tenant, *same, *in_period(row.created_at, filters)]

    values = {name: getattr(filters, name) for name in (*BY_INDEX, "notification")}
    given = next(((_d[name], values[name]) for name in BY_INDEX if values[name] is not None), None)
    own = () if given is None else (_d.tenant == tenant,)
    walk = Walk(deliveries, given or (_d.tenant, tenant), (_d.id,), own)
    walked = walk.within(filters, after)
    if filters.notification is not None:
        walked = _of_notification(filters.notification, after)
    one = matching(walked, walk.rows, limit, matches).subquery("d")
    return select(one, notifications.c.subscriber).select_from(
        one.outerjoin(notifications, notifications.c.id == one.c.notification)
    )


def _of_notification(notification: UUID, after: Place | None) -> Select[Any]:
    """Those of one notification: as many as it has channels, so they are sorted."""
    few = select(deliveries).where(_d.notification == notification).offset(0).subquery("few")
    ordered = select(few).order_by(few.c.id.desc())
    return ordered if after is None else ordered.where(few.c.id < after[0])


async def list_deliveries(
    connection: AsyncConnection,
    tenant: str,
    filters: DeliveryPage,
    after: Place | None,
    limit: int,
) -> PageRows:
    """See `list_statement`."""
    return await find(connection, list_statement(tenant, filters, after, limit), ["id"])


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
