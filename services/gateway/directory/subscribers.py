"""Subscribers of one tenant."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import subscribers, topic_members

_s = subscribers.c


async def put_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str, described: dict[str, Any]
) -> dict[str, Any]:
    """Create it, or replace its description whole."""
    statement = insert(subscribers).values(tenant=tenant, id=identifier, **described)
    statement = statement.on_conflict_do_update(
        index_elements=[_s.tenant, _s.id], set_={**described, "updated_at": func.now()}
    ).returning(subscribers)
    return dict((await connection.execute(statement)).mappings().one())


async def find_subscriber(
    connection: AsyncConnection, tenant: str, identifier: str
) -> dict[str, Any] | None:
    """One by its id."""
    statement = select(subscribers).where(_s.tenant == tenant, _s.id == identifier)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)


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
    statement = select(subscribers).where(_s.tenant == tenant).order_by(_s.id).limit(limit)
    return statement if after is None else statement.where(_s.id > after)


async def list_subscribers(
    connection: AsyncConnection, tenant: str, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """See `list_statement`."""
    rows = await connection.execute(list_statement(tenant, after, limit))
    return [dict(row) for row in rows.mappings()]
