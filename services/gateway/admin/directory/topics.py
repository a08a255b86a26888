"""Topics of one tenant and their members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import topic_members, topics
from services.gateway.admin.scan import PageRows, Place, find

_t = topics.c
_m = topic_members.c


async def put_topic(
    connection: AsyncConnection, tenant: str, identifier: str, name: str | None
) -> dict[str, Any]:
    """Create or rename it."""
    statement = insert(topics).values(tenant=tenant, id=identifier, name=name)
    statement = statement.on_conflict_do_update(
        index_elements=[_t.tenant, _t.id], set_={"name": name}
    ).returning(topics)
    return dict((await connection.execute(statement)).mappings().one())


async def find_topic(
    connection: AsyncConnection, tenant: str, identifier: str, *, hold: bool = False
) -> dict[str, Any] | None:
    """Read one by its id; `hold` prevents its deletion until the transaction ends."""
    statement = select(topics).where(_t.tenant == tenant, _t.id == identifier)
    if hold:
        statement = statement.with_for_update(read=True)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)


async def delete_topic(connection: AsyncConnection, tenant: str, identifier: str) -> bool:
    """Delete it with its members; return whether it existed."""
    statement = delete(topics).where(_t.tenant == tenant, _t.id == identifier)
    was_there = (await connection.execute(statement)).rowcount > 0
    await connection.execute(
        delete(topic_members).where(_m.tenant == tenant, _m.topic == identifier)
    )
    return was_there


async def add_members(
    connection: AsyncConnection, tenant: str, topic: str, subscribers: Sequence[str]
) -> int:
    """Add subscribers; return the number of new members."""
    rows = [
        {"tenant": tenant, "topic": topic, "subscriber": subscriber}
        for subscriber in sorted(set(subscribers))
    ]
    statement = insert(topic_members).values(rows).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount


async def remove_member(
    connection: AsyncConnection, tenant: str, topic: str, subscriber: str
) -> bool:
    """Remove a member; return whether it was one."""
    statement = delete(topic_members).where(
        _m.tenant == tenant, _m.topic == topic, _m.subscriber == subscriber
    )
    return (await connection.execute(statement)).rowcount > 0


def list_statement(tenant: str, after: Place | None, limit: int) -> Select[Any]:
    """The first `limit` topics by id, after this one."""
    statement = select(topics).where(_t.tenant == tenant).order_by(_t.id).limit(limit)
    return statement if after is None else statement.where(_t.id > after[0])


def members_statement(tenant: str, topic: str, after: Place | None, limit: int) -> Select[Any]:
    """The first `limit` members by id, after this one. The topic is a range, as in
    `services.gateway.admin.scan`: by subscriber alone another index would serve as well."""
    place = tuple_(_m.topic, _m.subscriber)
    lower = _m.topic >= topic if after is None else place > tuple_(topic, *after)
    return (
        select(topic_members)
        .where(_m.tenant == tenant, _m.topic <= topic, lower)
        .order_by(_m.topic, _m.subscriber)
        .limit(limit)
    )


async def list_topics(
    connection: AsyncConnection, tenant: str, after: Place | None, limit: int
) -> PageRows:
    """See `list_statement`."""
    return await find(connection, list_statement(tenant, after, limit), ["id"])


async def list_members(
    connection: AsyncConnection, tenant: str, topic: str, after: Place | None, limit: int
) -> PageRows:
    """See `members_statement`."""
    statement = members_statement(tenant, topic, after, limit)
    return await find(connection, statement, ["subscriber"])
