"""`POST /v1/tickets`: a single-use replacement for a token in a URL."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, PlainSerializer

from services.pusher.engine import Engine
from services.pusher.routes.caller import Subscriber
from services.pusher.routes.limited import QUOTA_HEADERS, limited_problems

router = APIRouter(prefix="/v1/tickets", tags=["live"], responses=limited_problems(401, 413, 503))


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class TicketDocument(BaseModel):
    """`ticket` opens one `/v1/live` or `/v1/live/sse`, as `?ticket=`, until `expires_at`."""

    ticket: str
    expires_at: Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]


@router.post(
    "",
    status_code=201,
    response_model=TicketDocument,
    responses={201: {"headers": QUOTA_HEADERS}},
    summary="A ticket for one session",
)
async def post_ticket(
    request: Request, response: Response, subscriber: Subscriber
) -> dict[str, Any]:
    """Valid once, for 30 seconds; the session ends when the token of this request expires."""
    engine: Engine = request.app.state.pusher
    ticket, expires_at = await engine.tickets.make(subscriber)
    response.headers["cache-control"] = "no-store"
    return {"ticket": ticket, "expires_at": expires_at}
