"""Who changed what: one row for each change that a caller asks for, in the change's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.records.audit import Change, keep_changes
from clarion.store.tables import audit
from clarion.tokens.api_keys import ApiKey


async def record_changes(
    connection: AsyncConnection, key: ApiKey, action: str, changes: Iterable[Change]
) -> None:
    """Keep that the holder of `key` did `action` (`<subject kind>.<verb>`) to these subjects."""
    await keep_changes(connection, key.tenant, key.name, action, changes)


async def changes_of(
    connection: AsyncConnection, tenant: str, subjects: Iterable[UUID]
) -> list[dict[str, Any]]:
    """What was asked for these subjects, in order of time."""
    statement = (
        select(audit)
        .where(audit.c.tenant == tenant, audit.c.subject.in_([str(one) for one in subjects]))
        .order_by(audit.c.at, audit.c.id)
    )
    return [dict(row) for row in (await connection.execute(statement)).mappings()]
