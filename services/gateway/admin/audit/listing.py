"""The audit log, newest first, filtered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.error_words import described
from clarion.store.tables import audit
from services.gateway.admin.history.schemas import Bound
from services.gateway.admin.scan import PageRows, Place, Walk, find, in_period, matching
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
    tenant: str, filters: AuditPage, after: Place | None, limit: int
) -> Select[Any]:
    """The newest `limit` matches after this place, within a bounded scan."""
    given = [
        (_a.subject, filters.subject),
        (_a.actor, filters.actor),
        (_a.action, filters.action),
    ]
    given = [(column, value) for column, value in given if value]
    own = (_a.tenant == tenant,) if given else ()
    walk = Walk(audit, (given or [(_a.tenant, tenant)])[0], (_a.id,), own)

    def matches(row: Any) -> list[ColumnElement[bool]]:
        return [row[column.name] == value for column, value in given] + in_period(row.at, filters)

    return matching(walk.within(filters, after), walk.rows, limit, matches)


async def list_changes(
    connection: AsyncConnection, tenant: str, filters: AuditPage, after: Place | None, limit: int
) -> PageRows:
    """See `changes_statement`."""
    return await find(connection, changes_statement(tenant, filters, after, limit), ["id"])
