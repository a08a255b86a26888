"""Who changed what: one row for each change that a caller asks for, in the change's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import new_id
from clarion.store.tables import audit
from clarion.tokens.api_keys import ApiKey

Change = tuple[UUID | str, Mapping[str, Any]]
"""(subject, what there is to say of it)."""


async def record_changes(
    connection: AsyncConnection, key: ApiKey, action: str, changes: Iterable[Change]
) -> None:
    """Keep that the holder of `key` did `action` (`<subject kind>.<verb>`) to these subjects."""
    kind = action.partition(".")[0]
    rows = [
        {
            "id": UUID(new_id()),
            "tenant": key.tenant,
            "actor": key.name,
            "action": action,
            "subject_kind": kind,
            "subject": str(subject),
            "detail": detail,
        }
        for subject, detail in changes
    ]
    if rows:
        await connection.execute(insert(audit), rows)


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
