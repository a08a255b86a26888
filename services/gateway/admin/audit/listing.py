"""The audit log, newest first, filtered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.error_words import described
from clarion.contracts.ids import lowest_id_at
from clarion.store.tables import audit
from services.gateway.admin.history.schemas import CLOCKS_DIFFER, EARLIEST, Bound
from services.gateway.admin.schemas import NO_NUL, Page, Time

_a = audit.c
ACTION_PATTERN = described(r"^[a-z_]+\.[a-z_]+$", "must be an action, such as delivery.retry")


class AuditPage(Page):
    """Filters of the audit log; combined with AND."""

    actor: str | None = Field(
        default=None, min_length=1, max_length=128, pattern=NO_NUL, description="name of a key"
    )
    action: str | None = Field(
        default=None, max_length=64, pattern=ACTION_PATTERN, description="delivery.retry"
    )
    subject: str | None = Field(
        default=None, min_length=1, max_length=256, pattern=NO_NUL, description="what was changed"
    )
    since: Bound | None = Field(default=None, description="changed at or after")
    until: Bound | None = Field(default=None, description="changed before")


class Changed(BaseModel):
    """One change requested with an API key."""

    id: UUID
    at: Time
    actor: str = Field(description="the name of the key")
    action: str
    subject_kind: str
    subject: str
    detail: dict[str, Any]


def changes_statement(
    tenant: str, filters: AuditPage, after: UUID | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches older than `after`."""
    given = (
        (_a.actor, filters.actor),
        (_a.action, filters.action),
        (_a.subject, filters.subject),
    )
    statement = (
        select(audit)
        .where(_a.tenant == tenant, *(column == value for column, value in given if value))
        .order_by(_a.id.desc())
        .limit(limit)
    )
    if filters.since is not None:
        lowest = lowest_id_at(max(filters.since - CLOCKS_DIFFER, EARLIEST))
        statement = statement.where(_a.id >= lowest, _a.at >= filters.since)
    if filters.until is not None:
        highest = lowest_id_at(filters.until + CLOCKS_DIFFER)
        statement = statement.where(_a.id < highest, _a.at < filters.until)
    return statement if after is None else statement.where(_a.id < after)


async def list_changes(
    connection: AsyncConnection, tenant: str, filters: AuditPage, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """See `changes_statement`."""
    rows = await connection.execute(changes_statement(tenant, filters, after, limit))
    return [dict(row) for row in rows.mappings()]
