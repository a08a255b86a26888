"""Notifications for operators: filtered lists, and one with its whole timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, Text, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import cast as sql_cast

from clarion.store.tables import attempts, deliveries, events, notifications
from services.gateway.admin.audit.record import changes_of
from services.gateway.admin.history.inbox import commands_of, receipts_of
from services.gateway.admin.history.schemas import NotificationPage
from services.gateway.admin.history.timeline import timeline
from services.gateway.admin.history.walks import conditions, named_events, walked
from services.gateway.admin.scan import PageRows, Place, by_index_only, find, matching

_n = notifications.c
_e = events.c

DATA = func.coalesce(sql_cast(_e.document["data"], Text), sql_cast(_e.body["data"], Text))


def list_statement(
    tenant: str,
    filters: NotificationPage,
    after: Place | None,
    limit: int,
    named: Sequence[UUID] = (),
) -> tuple[Select[Any], Sequence[str]]:
    """The newest `limit` matches after this place, within a bounded scan, and the columns that
    place them; `named` are the events of `filters.event`."""
    walk = walked(tenant, filters, after, named)
    conditions_on = partial(conditions, tenant, filters, walk.by_delivery)
    found = matching(walk.statement, walk.rows, limit, conditions_on)
    return _with_event(found), walk.by


async def list_notifications(
    connection: AsyncConnection,
    tenant: str,
    filters: NotificationPage,
    after: Place | None,
    limit: int,
) -> PageRows:
    """See `list_statement`."""
    named: list[UUID] = []
    if filters.event is not None:
        await by_index_only(connection)
        named = await named_events(connection, tenant, filters.event)
    statement, by = list_statement(tenant, filters, after, limit, named)
    return await find(connection, statement, by, _summary)


async def find_notification(
    connection: AsyncConnection, tenant: str, identifier: UUID
) -> dict[str, Any] | None:
    """One notification with deliveries, attempts and timeline."""
    found = select(notifications).where(_n.id == identifier, _n.tenant == tenant)
    statement = _with_event(found, _e.conflicts, _e.duplicates, _e.duplicate_at)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    sent = await _deliveries(connection, tenant, identifier)
    subjects = (identifier, row["event"], *(one["id"] for one in sent))
    changes = await changes_of(connection, tenant, subjects)
    record = dict(cast("Mapping[str, Any]", row))
    given = await receipts_of(connection, record)
    commands = await commands_of(connection, record)
    return {
        **_summary(row),
        "decisions": row["decisions"],
        "deliveries": sent,
        "timeline": timeline(record, sent, changes, given, commands),
        "trace_id": row["trace_id"],
    }


def _with_event(found: Select[Any], *more: ColumnElement[Any]) -> Select[Any]:
    one = found.subquery("n")
    return select(
        one,
        _e.event_id,
        _e.source,
        _e.time,
        _e.accepted_at,
        _e.planned_at,
        DATA.label("data"),
        *more,
    ).select_from(one.outerjoin(events, events.c.id == one.c.event))


def _summary(row: RowMapping) -> dict[str, Any]:
    names = (
        "id", "type", "category", "title", "body", "url", "lane", "version", "created_at",
        "seen_at", "read_at", "archived_at", "snoozed_until", "image", "actor", "subscriber",
    )  # fmt: skip
    event = {"source": row["source"], "id": row["event_id"], "time": row["time"]}
    return {
        **{name: row[name] for name in names},
        "entered": row["version"] if row["entered"] is None else row["entered"],
        "data": None if row["data"] is None else msgspec.Raw(row["data"].encode()),
        "event_id": row["event_id"],
        "event": event,
    }


async def _deliveries(
    connection: AsyncConnection, tenant: str, notification: UUID
) -> list[dict[str, Any]]:
    columns = deliveries.c
    statement = (
        select(deliveries)
        .where(columns.notification == notification, columns.tenant == tenant)
        .order_by(columns.id)
    )
    found = [dict(row) for row in (await connection.execute(statement)).mappings()]
    tried = (
        select(attempts)
        .where(
            attempts.c.delivery.in_([delivery["id"] for delivery in found]),
            attempts.c.tenant == tenant,
        )
        .order_by(attempts.c.started_at, attempts.c.n)
    )
    by_delivery: dict[UUID, list[dict[str, Any]]] = {delivery["id"]: [] for delivery in found}
    if found:
        for row in (await connection.execute(tried)).mappings():
            by_delivery[row["delivery"]].append(dict(row))
    return [{**delivery, "attempts": by_delivery[delivery["id"]]} for delivery in found]
