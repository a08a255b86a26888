"""The outcome of an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Row
from starlette.responses import Response

from clarion.errors import NotFound
from clarion.http.problems import problem_responses
from clarion.store.database import Database
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.access import Deps, EventWriter, HistoryReader, snapshot
from services.gateway.admin.answers import answer
from services.gateway.admin.deliveries.cancel import cancel_event, cancel_unknown
from services.gateway.admin.deliveries.schemas import Cancelled
from services.gateway.admin.history.events import find_event, newest_event
from services.gateway.admin.history.schemas import EventRecord
from services.gateway.admin.paging import not_found
from services.gateway.admin.schemas import NO_NUL, Identifier

router = APIRouter(prefix="/v1/events", tags=["history"])

MAX_ID_CHARACTERS = 256

NOT_YET = "There is no such event yet. If it was accepted and waits for planning, it is cancelled."


Source = Annotated[
    str | None, Query(max_length=256, pattern=NO_NUL, description="default: the newest of this id")
]


@router.get(
    "/{event_id:path}",
    response_model=EventRecord,
    responses=problem_responses(401, 403, 404, 422, 503),
    summary="An event and its outcome, per recipient and channel",
)
async def get_event(
    event_id: str,
    deps: Deps,
    key: HistoryReader,
    source: Source = None,
    subscriber: Annotated[
        Identifier | None, Query(description="only the outcome for this subscriber")
    ] = None,
) -> Response:
    """404 until it is planned: the gateway stores no record of its own. An answer to `subscriber`
    without recipients means that the event was not addressed to that subscriber."""
    found = None
    if _can_be(event_id):
        async with snapshot(deps.database) as connection:
            found = await find_event(connection, key.tenant, event_id, source, subscriber)
    if found is None:
        raise not_found("event")
    return answer(EventRecord, found)


@router.post(
    "/{event_id:path}/cancel",
    response_model=Cancelled,
    responses=problem_responses(401, 403, 404, 413, 415, 422, 503),
    summary="Cancel the unsent deliveries of an event, for all its recipients",
    tags=["deliveries"],
)
async def post_cancel(
    event_id: str, deps: Deps, key: EventWriter, source: Source = None
) -> dict[str, Any]:
    """As for one notification; topic members not planned yet are not notified. 404 until the event
    is planned, but the cancellation is stored all the same: events accepted earlier under this id
    are not sent when they are planned. A large audience is cancelled in batches, which stay
    cancelled if a later one fails: repeat the call after a 503."""
    if not _can_be(event_id):
        raise not_found("event")
    moment = datetime.now(UTC)
    found = await _newest(deps.database, key, event_id, source)
    if found is None:
        await cancel_unknown(deps.database, key, event_id, source, moment)
        found = await _newest(deps.database, key, event_id, source)  # planned meanwhile
    if found is None:
        raise NotFound(NOT_YET)
    return await cancel_event(deps.database, key, found)


async def _newest(
    database: Database, key: ApiKey, event_id: str, source: str | None
) -> Row[Any] | None:
    return await database.run_core(
        lambda connection: newest_event(connection, key.tenant, event_id, source)
    )


def _can_be(event_id: str) -> bool:
    return 0 < len(event_id) <= MAX_ID_CHARACTERS and "\0" not in event_id
