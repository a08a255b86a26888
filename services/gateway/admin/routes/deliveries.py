"""Deliveries: listed, and sent again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.admin.access import DeliveryWriter, Deps, HistoryReader
from services.gateway.admin.deliveries import redrive
from services.gateway.admin.deliveries.listing import list_deliveries
from services.gateway.admin.deliveries.schemas import (
    DeliveryPage,
    DeliverySummary,
    Redrive,
    Redriven,
    RedrivePreview,
    Retried,
)
from services.gateway.admin.paging import not_found, page_of, uuid_or_404
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items

router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])


@router.get(
    "",
    response_model=Items[DeliverySummary],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Deliveries, newest first",
)
async def get_deliveries(
    page: Annotated[DeliveryPage, Query()], deps: Deps, key: HistoryReader
) -> dict[str, Any]:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_deliveries(connection, key.tenant, page, after, limit)

    return await page_of(deps, key, page, load, of="deliveries", read=[UUID])


@router.post(
    "/redrive",
    response_model=RedrivePreview | Redriven,
    responses=problem_responses(400, 401, 403, 413, 415, 422, 503),
    summary="Redrive all matching deliveries, spread over time",
)
async def post_redrive(given: Redrive, deps: Deps, key: DeliveryWriter) -> dict[str, Any]:
    """At most 10,000 per call, oldest first; deliveries past their `expires_at` are left alone. A
    repeated call leaves those scheduled by the first alone: their `state` has changed.
    """

    async def change(connection: AsyncConnection) -> dict[str, Any]:
        if given.preview:
            return {"count": await redrive.count_drivable(connection, key.tenant, given)}
        return await redrive.redrive(connection, key, given)

    return await deps.database.run_core(change)


@router.post(
    "/{delivery_id}/retry",
    response_model=Retried,
    responses=problem_responses(401, 403, 404, 409, 413, 415, 503),
    summary="Send one again, now",
)
async def post_retry(delivery_id: str, deps: Deps, key: DeliveryWriter) -> dict[str, Any]:
    """For a delivery that is `failed`, `dead`, `bounced`, or `expired` before its `expires_at`. One
    on its way or sent is returned unchanged. `409` (`delivery_skipped`, `delivery_cancelled`,
    `delivery_expired`) if it must not be sent."""
    identifier = uuid_or_404(delivery_id, "delivery")
    now = await deps.database.run_core(
        lambda connection: redrive.retry(connection, key, identifier)
    )
    if now is None:
        raise not_found("delivery")
    return now
