"""Subscribers of one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, Select, Text, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import subscribers, topic_members
from services.gateway.directory import attributes

_s = subscribers.c

ATTRIBUTES = func.coalesce(_s.attributes_text, cast(_s.attributes, Text)).label("attributes")
COLUMNS = (
    *(column for column in _s if column.name not in ("attributes", "attributes_text")),
    ATTRIBUTES,
)


async def put_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Create it, or replace its description whole; `attributes` are JSON text."""
    values = _stored(described)
    statement = insert(subscribers).values(tenant=tenant, id=identifier, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[_s.tenant, _s.id], set_={**values, "updated_at": func.now()}
    ).returning(*COLUMNS)
    return _shown((await connection.execute(statement)).mappings().one())


async def change_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Set these fields of one that is there and locked; `attributes` are JSON text."""
    statement = (
        update(subscribers)
        .where(_s.tenant == tenant, _s.id == identifier)
        .values(**_stored(described), updated_at=func.now())
        .returning(*COLUMNS)
    )
    return _shown((await connection.execute(statement)).mappings().one())


async def find_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, *, hold: bool = False
) -> dict[str, Any] | None:
    """One by its id; `hold` keeps others from changing it until the transaction ends."""
    statement = select(*COLUMNS).where(_s.tenant == tenant, _s.id == identifier)
    if hold:
        statement = statement.with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _shown(row)


async def delete_subscriber(connection: AsyncConnection, tenant: str, identifier: str) -> bool:
    """Take it out of the directory and of every topic; history and inbox stay. Whether it was
    there."""
    await connection.execute(
        delete(topic_members).where(
            topic_members.c.tenant == tenant, topic_members.c.subscriber == identifier
        )
    )
    statement = delete(subscribers).where(_s.tenant == tenant, _s.id == identifier)
    return (await connection.execute(statement)).rowcount > 0


def list_statement(tenant: str, after: str | None, limit: int) -> Select[Any]:
    """The first `limit` by id, after `after`."""
    statement = select(*COLUMNS).where(_s.tenant == tenant).order_by(_s.id).limit(limit)
    return statement if after is None else statement.where(_s.id > after)


async def list_subscribers(
    connection: AsyncConnection, tenant: str, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """See `list_statement`."""
    rows = await connection.execute(list_statement(tenant, after, limit))
    return [_shown(row) for row in rows.mappings()]


def _stored(described: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(described)
    if "attributes" in values:
        values |= attributes.columns_of(values["attributes"])
    return values


def _shown(row: RowMapping) -> dict[str, Any]:
    text = row["attributes"]
    return {**row, "attributes": None if text is None else attributes.read(text)}
