"""Who changed what: one row for each requested change, in the transaction of the change."""

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
    """Record `action` (`<subject kind>.<verb>`) by the holder of `key` on these subjects."""
    await keep_changes(connection, key.tenant, key.name, action, changes)


async def changes_of(
    connection: AsyncConnection, tenant: str, subjects: Iterable[UUID]
) -> list[dict[str, Any]]:
    """The recorded changes of these subjects, oldest first."""
    statement = (
        select(audit)
        .where(
            audit.c.tenant == tenant, audit.c.subject.in_([str(subject) for subject in subjects])
        )
        .order_by(audit.c.at, audit.c.id)
    )
    return [dict(row) for row in (await connection.execute(statement)).mappings()]
