"""Notifications for operators: filtered lists, and one with its whole timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, Text, and_, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import cast as sql_cast

from clarion.contracts.ids import lowest_id_at
from clarion.store.tables import attempts, deliveries, events, notifications
from services.gateway.admin.audit.record import changes_of
from services.gateway.admin.history.inbox import commands_of, receipts_of
from services.gateway.admin.history.schemas import CLOCKS_DIFFER, EARLIEST, NotificationPage
from services.gateway.admin.history.timeline import timeline

_n = notifications.c
_e = events.c

DATA = func.coalesce(sql_cast(_e.document["data"], Text), sql_cast(_e.body["data"], Text))

ITEM_STATES: dict[str, ColumnElement[bool]] = {
    "seen": _n.seen_at.is_not(None),
    "unseen": _n.seen_at.is_(None),
    "read": _n.read_at.is_not(None),
    "unread": and_(_n.read_at.is_(None), _n.archived_at.is_(None)),
    "archived": _n.archived_at.is_not(None),
    "snoozed": _n.snoozed_until > func.now(),
}
"""States of the item itself; all others are states of one of its deliveries."""


def list_statement(
    tenant: str, filters: NotificationPage, after: UUID | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches older than `after`."""
    found = (
        select(notifications)
        .where(_n.tenant == tenant, *_conditions(tenant, filters))
        .order_by(_n.id.desc())
        .limit(limit)
    )
    if after is not None:
        found = found.where(_n.id < after)
    return _with_event(found)


async def list_notifications(
    connection: AsyncConnection,
    tenant: str,
    filters: NotificationPage,
    after: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """See `list_statement`."""
    statement = list_statement(tenant, filters, after, limit)
    return [_summary(row) for row in (await connection.execute(statement)).mappings()]


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
    return (
        select(
            one,
            _e.event_id,
            _e.source,
            _e.time,
            _e.accepted_at,
            _e.planned_at,
            DATA.label("data"),
            *more,
        )
        .select_from(one.outerjoin(events, events.c.id == one.c.event))
        .order_by(one.c.id.desc())
    )


def _conditions(tenant: str, filters: NotificationPage) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.subscriber is not None:
        conditions.append(_n.subscriber == filters.subscriber)
    if filters.event is not None:
        named = select(_e.id).where(_e.tenant == tenant, _e.event_id == filters.event)
        conditions.append(_n.event.in_(named))
    if filters.type is not None:
        conditions.append(_n.type == filters.type)
    if filters.category is not None:
        conditions.append(_n.category == filters.category)
    if filters.since is not None:
        lowest = lowest_id_at(max(filters.since - CLOCKS_DIFFER, EARLIEST))
        conditions += [_n.id >= lowest, _n.created_at >= filters.since]
    if filters.until is not None:
        highest = lowest_id_at(filters.until + CLOCKS_DIFFER)
        conditions += [_n.id < highest, _n.created_at < filters.until]
    if filters.q is not None:
        pattern = f"%{_escaped(filters.q)}%"
        conditions.append(or_(_n.title.ilike(pattern), _n.body.ilike(pattern)))
    return conditions + _states(filters)


def _states(filters: NotificationPage) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    item_state = ITEM_STATES.get(filters.state or "")
    if item_state is not None:
        conditions.append(item_state)
    elif filters.state is not None:
        its_deliveries = select(deliveries.c.id).where(
            deliveries.c.notification == _n.id, deliveries.c.state == filters.state
        )
        if filters.channel is not None:
            its_deliveries = its_deliveries.where(deliveries.c.channel == filters.channel)
        return [its_deliveries.exists()]
    if filters.channel is not None:
        conditions.append(or_(_decided(filters.channel, "send"), _decided(filters.channel, "hold")))
    return conditions


def _decided(channel: str, decision: str) -> ColumnElement[bool]:
    return _n.decisions.contains(sql_cast([{"channel": channel, "decision": decision}], JSONB))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


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
