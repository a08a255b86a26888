"""Subscribers of one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, Select, Text, cast, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import deleted_subscribers, subscribers, topic_members
from services.gateway.admin.directory import attributes
from services.gateway.admin.scan import PageRows, Place, find

_s = subscribers.c

SAID_AT = {name: f"{name}_at" for name in ("email", "phone", "locale", "timezone", "attributes")}
"""The time of each field's value: an older event does not overwrite it."""

HIDDEN = {"attributes", "attributes_text", *SAID_AT.values()}

ATTRIBUTES = func.coalesce(_s.attributes_text, cast(_s.attributes, Text)).label("attributes")
COLUMNS = (
    *(column for column in _s if column.name not in HIDDEN),
    ATTRIBUTES,
)


async def put_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Create it or replace its whole description; `attributes` is JSON text."""
    values = _stored(described)
    statement = insert(subscribers).values(tenant=tenant, id=identifier, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[_s.tenant, _s.id], set_={**values, "updated_at": func.now()}
    ).returning(*COLUMNS)
    return _shown((await connection.execute(statement)).mappings().one())


async def change_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Set these fields of an existing, locked subscriber; `attributes` is JSON text."""
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
    """Read one by its id; `hold` locks it until the transaction ends."""
    statement = select(*COLUMNS).where(_s.tenant == tenant, _s.id == identifier)
    if hold:
        statement = statement.with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _shown(row)


async def delete_subscriber(connection: AsyncConnection, tenant: str, identifier: str) -> bool:
    """Delete it from the directory and every topic; return whether it existed. History and inbox
    stay. The deletion is recorded, so events accepted earlier do not bring it back."""
    await _bury(connection, tenant, identifier)
    await connection.execute(
        delete(topic_members).where(
            topic_members.c.tenant == tenant, topic_members.c.subscriber == identifier
        )
    )
    # locks the key: waits for concurrent writers, and later ones see the recorded deletion
    taken = insert(subscribers).values(tenant=tenant, id=identifier)
    was_there = await connection.scalar(
        taken.on_conflict_do_update(
            index_elements=[_s.tenant, _s.id], set_={"updated_at": _s.updated_at}
        ).returning(literal_column("xmax <> 0"))
    )
    await connection.execute(delete(subscribers).where(_s.tenant == tenant, _s.id == identifier))
    return bool(was_there)


async def _bury(connection: AsyncConnection, tenant: str, identifier: str) -> None:
    """Record the time of the deletion."""
    name = {"tenant": tenant, "id": identifier}
    kept = insert(deleted_subscribers).values(**name, deleted_at=datetime.now(UTC))
    await connection.execute(
        kept.on_conflict_do_update(
            index_elements=[deleted_subscribers.c.tenant, deleted_subscribers.c.id],
            set_={
                "deleted_at": func.greatest(
                    deleted_subscribers.c.deleted_at, kept.excluded.deleted_at
                )
            },
        )
    )


def list_statement(tenant: str, after: Place | None, limit: int) -> Select[Any]:
    """The first `limit` by id, after this one."""
    statement = select(*COLUMNS).where(_s.tenant == tenant).order_by(_s.id).limit(limit)
    return statement if after is None else statement.where(_s.id > after[0])


async def list_subscribers(
    connection: AsyncConnection, tenant: str, after: Place | None, limit: int
) -> PageRows:
    """See `list_statement`."""
    return await find(connection, list_statement(tenant, after, limit), ["id"], _shown)


def _stored(described: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(described)
    values |= {SAID_AT[name]: datetime.now(UTC) for name in described}
    if "attributes" in values:
        values |= attributes.columns_of(values["attributes"])
    return values


def _shown(row: RowMapping) -> dict[str, Any]:
    text = row["attributes"]
    return {**row, "attributes": None if text is None else attributes.read(text)}
