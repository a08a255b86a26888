"""What became of an event."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from clarion.http.problems import problem_responses
from services.gateway.access import Has, HistoryReader
from services.gateway.history.events import find_event
from services.gateway.history.schemas import EventRecord
from services.gateway.paging import missing
from services.gateway.schemas import NO_NUL

router = APIRouter(prefix="/v1/events", tags=["history"])

MAX_ID_CHARACTERS = 256


@router.get(
    "/{event_id:path}",
    response_model=EventRecord,
    responses=problem_responses(401, 403, 404, 422, 503),
    summary="An event and what became of it, per recipient and channel",
)
async def get_event(
    event_id: str,
    has: Has,
    key: HistoryReader,
    source: Annotated[
        str | None, Query(max_length=256, pattern=NO_NUL, description="else the newest of this id")
    ] = None,
) -> dict[str, Any]:
    """404 until it is planned: the gateway keeps no record of its own."""
    found = None
    if event_id and len(event_id) <= MAX_ID_CHARACTERS and "\0" not in event_id:
        async with has.database.transaction() as connection:
            found = await find_event(connection, key.tenant, event_id, source)
    if found is None:
        raise missing("event")
    return found
