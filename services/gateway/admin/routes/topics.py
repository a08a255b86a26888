"""Topics and their members."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.http.problems import problem_responses
from services.gateway.admin.access import Deps, DirectoryWriter
from services.gateway.admin.audit.record import record_changes
from services.gateway.admin.directory import topics
from services.gateway.admin.directory.schemas import Added, Member, MembersBody, Topic, TopicBody
from services.gateway.admin.paging import not_found, page_of, valid_id_or_404, valid_id_or_422
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Items, Page

router = APIRouter(prefix="/v1/topics", tags=["directory"])

READ = problem_responses(401, 403, 404, 503)
LIST = problem_responses(400, 401, 403, 422, 503)
WRITE = problem_responses(400, 401, 403, 413, 415, 422, 503)


@router.get("", response_model=Items[Topic], responses=LIST, summary="Topics by id")
async def get_topics(
    page: Annotated[Page, Query()], deps: Deps, key: DirectoryWriter
) -> dict[str, Any]:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        return await topics.list_topics(connection, key.tenant, after, limit)

    return await page_of(deps, key, page, load, of="topics", read=[str])


@router.put(
    "/{topic_id}", response_model=Topic, responses=WRITE, summary="Create or rename a topic"
)
async def put_topic(
    topic_id: str, body: TopicBody, deps: Deps, key: DirectoryWriter
) -> dict[str, Any]:
    identifier = valid_id_or_422(topic_id)

    async def change(connection: AsyncConnection) -> dict[str, Any]:
        found = await topics.put_topic(connection, key.tenant, identifier, body.name)
        await record_changes(connection, key, "topic.put", [(identifier, {})])
        return found

    return await deps.database.run_core(change)


@router.get("/{topic_id}", response_model=Topic, responses=READ, summary="One topic")
async def get_topic(topic_id: str, deps: Deps, key: DirectoryWriter) -> dict[str, Any]:
    return await deps.database.run_core(
        lambda connection: _present(connection, key.tenant, topic_id)
    )


@router.delete(
    "/{topic_id}", status_code=204, responses=READ, summary="Delete a topic with its members"
)
async def delete_topic(topic_id: str, deps: Deps, key: DirectoryWriter) -> None:
    identifier = valid_id_or_404(topic_id, "topic")

    async def change(connection: AsyncConnection) -> bool:
        was_there = await topics.delete_topic(connection, key.tenant, identifier)
        if was_there:
            await record_changes(connection, key, "topic.delete", [(identifier, {})])
        return was_there

    if not await deps.database.run_core(change):
        raise not_found("topic")


@router.get(
    "/{topic_id}/subscribers",
    response_model=Items[Member],
    responses=problem_responses(400, 401, 403, 404, 422, 503),
    summary="Members by id",
)
async def get_members(
    topic_id: str, page: Annotated[Page, Query()], deps: Deps, key: DirectoryWriter
) -> dict[str, Any]:
    async def load(connection: AsyncConnection, after: Place | None, limit: int) -> PageRows:
        await _present(connection, key.tenant, topic_id)
        return await topics.list_members(connection, key.tenant, topic_id, after, limit)

    of = f"members of {topic_id}"
    return await page_of(deps, key, page, load, of=of, read=[str])


@router.post(
    "/{topic_id}/subscribers",
    response_model=Added,
    responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 503),
    summary="Add up to 1,000 members",
)
async def add_members(
    topic_id: str, body: MembersBody, deps: Deps, key: DirectoryWriter
) -> dict[str, int]:

    async def change(connection: AsyncConnection) -> int:
        await _present(connection, key.tenant, topic_id, hold=True)
        added = await topics.add_members(connection, key.tenant, topic_id, body.subscribers)
        if added:
            detail = {"added": added}
            await record_changes(connection, key, "topic.add_members", [(topic_id, detail)])
        return added

    return {"added": await deps.database.run_core(change)}


@router.put(
    "/{topic_id}/subscribers/{subscriber_id}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 503),
    summary="Add a member",
)
async def put_member(topic_id: str, subscriber_id: str, deps: Deps, key: DirectoryWriter) -> None:
    subscriber = valid_id_or_422(subscriber_id)

    async def change(connection: AsyncConnection) -> None:
        await _present(connection, key.tenant, topic_id, hold=True)
        if await topics.add_members(connection, key.tenant, topic_id, [subscriber]):
            detail = {"subscriber": subscriber}
            await record_changes(connection, key, "topic.add_members", [(topic_id, detail)])

    await deps.database.run_core(change)


@router.delete(
    "/{topic_id}/subscribers/{subscriber_id}",
    status_code=204,
    responses=READ,
    summary="Remove a member",
)
async def delete_member(
    topic_id: str, subscriber_id: str, deps: Deps, key: DirectoryWriter
) -> None:
    topic, subscriber = valid_id_or_404(topic_id, "topic"), valid_id_or_404(subscriber_id, "member")

    async def change(connection: AsyncConnection) -> bool:
        was_member = await topics.remove_member(connection, key.tenant, topic, subscriber)
        if was_member:
            detail = {"subscriber": subscriber}
            await record_changes(connection, key, "topic.remove_member", [(topic, detail)])
        return was_member

    if not await deps.database.run_core(change):
        raise not_found("member")


async def _present(
    connection: AsyncConnection, tenant: str, topic_id: str, *, hold: bool = False
) -> dict[str, Any]:
    identifier = valid_id_or_404(topic_id, "topic")
    found = await topics.find_topic(connection, tenant, identifier, hold=hold)
    if found is None:
        raise not_found("topic")
    return found
