"""The history, notification by notification."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from clarion.http.problems import problem_responses
from services.gateway.admin.access import Deps, EventWriter, HistoryReader, snapshot
from services.gateway.admin.answers import answer
from services.gateway.admin.deliveries.cancel import cancel_notification
from services.gateway.admin.deliveries.schemas import Cancelled
from services.gateway.admin.history.notifications import find_notification, list_notifications
from services.gateway.admin.history.schemas import (
    NotificationPage,
    NotificationRecord,
    NotificationSummary,
)
from services.gateway.admin.paging import not_found, page_of, uuid_or_404
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items

router = APIRouter(prefix="/v1/notifications", tags=["history"])


@router.get(
    "",
    response_model=Items[NotificationSummary],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Notifications, newest first",
)
async def get_notifications(
    page: Annotated[NotificationPage, Query()], deps: Deps, key: HistoryReader
) -> Response:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_notifications(connection, key.tenant, page, after, limit)

    read = [UUID, str] if page.event is not None else [UUID]
    found = await page_of(deps, key, page, load, of="notifications", read=read)
    return answer(Items[NotificationSummary], found)


@router.get(
    "/{notification_id}",
    response_model=NotificationRecord,
    responses=problem_responses(401, 403, 404, 503),
    summary="One notification with deliveries, attempts and timeline",
)
async def get_notification(notification_id: str, deps: Deps, key: HistoryReader) -> Response:
    identifier = uuid_or_404(notification_id, "notification")
    async with snapshot(deps.database) as connection:
        found = await find_notification(connection, key.tenant, identifier)
    if found is None:
        raise not_found("notification")
    return answer(NotificationRecord, found)


@router.post(
    "/{notification_id}/cancel",
    response_model=Cancelled,
    responses=problem_responses(401, 403, 404, 413, 415, 503),
    summary="Cancel the unsent deliveries of one notification",
    tags=["deliveries"],
)
async def post_cancel(notification_id: str, deps: Deps, key: EventWriter) -> dict[str, Any]:
    """Cancels waiting deliveries and an item held back from its inbox. Deliveries being sent cannot
    be stopped and are listed in `not_stopped`; an item in an inbox stays there. Idempotent."""
    identifier = uuid_or_404(notification_id, "notification")
    answer = await cancel_notification(deps.database, key, identifier)
    if answer is None:
        raise not_found("notification")
    return answer
