"""Who changed what."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.admin.access import Admin, Deps
from services.gateway.admin.audit.listing import AuditPage, Changed, list_changes
from services.gateway.admin.paging import page_of
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items

router = APIRouter(prefix="/v1/audit", tags=["operations"])


@router.get(
    "",
    response_model=Items[Changed],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Changes requested with API keys, newest first",
)
async def get_audit(page: Annotated[AuditPage, Query()], deps: Deps, key: Admin) -> dict[str, Any]:
    await deps.minted.flush()

    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_changes(connection, key.tenant, page, after, limit)

    return await page_of(deps, key, page, load, of="audit", read=[UUID])
