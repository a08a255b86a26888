"""Messages that could not be worked on."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.access import Admin, Has
from services.gateway.auth import is_from_settings
from services.gateway.history.operations import list_parked
from services.gateway.history.schemas import Parked
from services.gateway.paging import page_of
from services.gateway.schemas import Items, Page

router = APIRouter(prefix="/v1/parked", tags=["operations"])


@router.get(
    "",
    response_model=Items[Parked],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Parked messages, newest first",
)
async def get_parked(page: Annotated[Page, Query()], has: Has, key: Admin) -> dict[str, Any]:
    """Messages that do not tell their tenant are shown to the key of the settings only: that is
    who runs the installation."""

    async def load(connection: AsyncConnection, after: UUID | None, limit: int) -> list[Any]:
        return await list_parked(
            connection,
            key.tenant,
            also_unowned=is_from_settings(key),
            after=after,
            limit=limit,
        )

    return await page_of(has, key, page, load, of="parked", read=UUID)
