"""The audit log: who changed what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import new_id
from clarion.store.tables import audit

CLI = "cli"
"""The actor of changes made by the command line of the installation."""

Change = tuple[UUID | str, Mapping[str, Any]]
"""(subject, details)."""


def change_row(tenant: str, actor: str, action: str, change: Change) -> dict[str, Any]:
    """The row of one change; `action` is `<subject kind>.<verb>`."""
    subject, detail = change
    return {
        "id": UUID(new_id()),
        "tenant": tenant,
        "actor": actor,
        "action": action,
        "subject_kind": action.partition(".")[0],
        "subject": str(subject),
        "detail": detail,
    }


async def keep_changes(
    connection: AsyncConnection, tenant: str, actor: str, action: str, changes: Iterable[Change]
) -> None:
    """Record that `actor` made these changes."""
    rows = [change_row(tenant, actor, action, change) for change in changes]
    if rows:
        await connection.execute(insert(audit), rows)
