"""Messages captured by `capture://` providers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.admin.access import Deps, HistoryReader
from services.gateway.admin.history.operations import list_captures
from services.gateway.admin.history.schemas import Capture, CapturePage
from services.gateway.admin.paging import page_of
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items

router = APIRouter(prefix="/v1/captures", tags=["history"])


@router.get(
    "",
    response_model=Items[Capture],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Captured messages, newest first",
)
async def get_captures(
    page: Annotated[CapturePage, Query()], deps: Deps, key: HistoryReader
) -> dict[str, Any]:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_captures(connection, key.tenant, page, after, limit)

    return await page_of(deps, key, page, load, of="captures", read=[UUID])
