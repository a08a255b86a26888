"""The directory of subscribers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from clarion.contracts.media import MERGE_PATCH
from clarion.http.problems import problem_responses
from services.gateway.admin.access import Deps, DirectoryWriter
from services.gateway.admin.answers import answer
from services.gateway.admin.audit.record import record_changes
from services.gateway.admin.directory import attributes
from services.gateway.admin.directory.schemas import Subscriber, SubscriberBody
from services.gateway.admin.directory.subscribers import (
    change_subscriber,
    delete_subscriber,
    find_subscriber,
    list_subscribers,
    put_subscriber,
)
from services.gateway.admin.paging import not_found, page_of, valid_id_or_404, valid_id_or_422
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items, Page

BODY = {"$ref": "#/components/schemas/SubscriberBody"}

router = APIRouter(prefix="/v1/subscribers", tags=["directory"])


@router.get(
    "",
    response_model=Items[Subscriber],
    responses=problem_responses(400, 401, 403, 422, 503),
    summary="Subscribers by id",
)
async def get_subscribers(
    page: Annotated[Page, Query()], deps: Deps, key: DirectoryWriter
) -> Response:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await list_subscribers(connection, key.tenant, after, limit)

    found = await page_of(deps, key, page, load, of="subscribers", read=[str])
    return answer(Items[Subscriber], found)


@router.put(
    "/{subscriber_id}",
    response_model=Subscriber,
    responses=problem_responses(400, 401, 403, 413, 415, 422, 503),
    summary="Create a subscriber, or replace its description",
)
async def put(
    request: Request, subscriber_id: str, body: SubscriberBody, deps: Deps, key: DirectoryWriter
) -> Response:
    """Omitted fields are cleared; use `PATCH` to change some of them."""
    identifier = valid_id_or_422(subscriber_id)
    text = attributes.text_of(attributes.given_in(await request.body()))
    described = body.model_dump() | {"attributes": text}
    detail = {"fields": sorted(body.model_fields_set)}

    async def change(connection: AsyncConnection) -> Any:
        found = await put_subscriber(connection, key.tenant, identifier, described)
        await record_changes(connection, key, "subscriber.put", [(identifier, detail)])
        return found

    return answer(Subscriber, await deps.database.run_core(change))


@router.patch(
    "/{subscriber_id}",
    response_model=Subscriber,
    responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 503),
    summary="Change some fields of a subscriber",
    openapi_extra={"requestBody": {"content": {MERGE_PATCH: {"schema": BODY}}}},
)
async def patch(
    request: Request, subscriber_id: str, body: SubscriberBody, deps: Deps, key: DirectoryWriter
) -> Response:
    """A merge patch (RFC 7386): omitted fields stay, `null` clears. Attributes are merged member by
    member. 404 if there is no such subscriber; `PUT` creates one."""
    identifier = valid_id_or_404(subscriber_id, "subscriber")
    changed = body.model_dump(exclude_unset=True)
    given = attributes.given_in(await request.body()) if "attributes" in changed else None

    async def change(connection: AsyncConnection) -> Any:
        found = await find_subscriber(connection, key.tenant, identifier, hold=True)
        if found is None:
            raise not_found("subscriber")
        if "attributes" in changed:
            stored: attributes.Attributes = found["attributes"] or {}
            merged = None if given is None else attributes.merged(stored, given)
            changed["attributes"] = attributes.text_of(merged)
        if changed:
            found = await change_subscriber(connection, key.tenant, identifier, changed)
            detail = {"fields": sorted(changed)}
            await record_changes(connection, key, "subscriber.patch", [(identifier, detail)])
        return found

    return answer(Subscriber, await deps.database.run_core(change))


@router.get(
    "/{subscriber_id}",
    response_model=Subscriber,
    responses=problem_responses(401, 403, 404, 503),
    summary="One subscriber",
)
async def get(subscriber_id: str, deps: Deps, key: DirectoryWriter) -> Response:
    identifier = valid_id_or_404(subscriber_id, "subscriber")
    found = await deps.database.run_core(
        lambda connection: find_subscriber(connection, key.tenant, identifier)
    )
    if found is None:
        raise not_found("subscriber")
    return answer(Subscriber, found)


@router.delete(
    "/{subscriber_id}",
    status_code=204,
    responses=problem_responses(401, 403, 404, 503),
    summary="Delete a subscriber from the directory and all topics",
)
async def delete(subscriber_id: str, deps: Deps, key: DirectoryWriter) -> None:
    identifier = valid_id_or_404(subscriber_id, "subscriber")

    async def change(connection: AsyncConnection) -> bool:
        was_there = await delete_subscriber(connection, key.tenant, identifier)
        if was_there:
            await record_changes(connection, key, "subscriber.delete", [(identifier, {})])
        return was_there

    if not await deps.database.run_core(change):
        raise not_found("subscriber")
