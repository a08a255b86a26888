"""Parked messages: those that could not be processed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.admin.access import Admin, Deps
from services.gateway.admin.history.operations import list_parked
from services.gateway.admin.history.schemas import Parked, ParkedRedriven, ParkedWhole
from services.gateway.admin.paging import not_found, page_of, uuid_or_404
from services.gateway.admin.parked.reading import read_parked
from services.gateway.admin.parked.redrive import delete_parked, redrive_parked
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items, Page
from services.gateway.front.auth import is_from_settings

router = APIRouter(prefix="/v1/parked", tags=["operations"])


@router.get(
    "",
    response_model=Items[Parked],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Parked messages, newest first",
)
async def get_parked(page: Annotated[Page, Query()], deps: Deps, key: Admin) -> dict[str, Any]:
    """Messages without a tenant are shown only to the key in the settings, which belongs to the
    operator of the installation."""

    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_parked(
            connection,
            key.tenant,
            also_unowned=is_from_settings(key),
            after=after,
            limit=limit,
        )

    return await page_of(deps, key, page, load, of="parked", read=[UUID])


@router.get(
    "/{parked_id}",
    response_model=ParkedWhole,
    responses=problem_responses(401, 403, 404, 503),
    summary="One parked message with its body",
)
async def get_one_parked(parked_id: str, deps: Deps, key: Admin) -> dict[str, Any]:
    identifier = uuid_or_404(parked_id, "parked message")
    found = await deps.database.run_core(
        lambda connection: read_parked(connection, key, identifier)
    )
    if found is None:
        raise not_found("parked message")
    return found


@router.post(
    "/{parked_id}/redrive",
    response_model=ParkedRedriven,
    responses=problem_responses(401, 403, 404, 409, 413, 415, 503),
    summary="Publish a parked message again",
)
async def post_redrive(parked_id: str, deps: Deps, key: Admin) -> dict[str, Any]:
    """Publishes the message to its original queue and deletes its row once the broker has confirmed
    it. A message that still cannot be processed is parked again, as a new row. Idempotent.
    `409`: `no_queue`, `no_tenant`, `no_event`, `not_allowed`, `headers_cut`,
    `still_malformed`."""
    identifier = uuid_or_404(parked_id, "parked message")
    done = await redrive_parked(deps.database, deps.bus, key, identifier)
    if done is None:
        raise not_found("parked message")
    return done


@router.delete(
    "/{parked_id}",
    status_code=204,
    response_class=Response,
    responses=problem_responses(401, 403, 404, 503),
    summary="Delete a parked message",
)
async def delete_one_parked(parked_id: str, deps: Deps, key: Admin) -> Response:
    if not await delete_parked(deps.database, key, uuid_or_404(parked_id, "parked message")):
        raise not_found("parked message")
    return Response(status_code=204)
