"""`GET /v1/live` without an upgrade: the WebSocket itself never comes through ASGI."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from clarion.http.problems import problem_response, problem_responses
from services.pusher.wire.handshake import PATH, UpgradeRequired

router = APIRouter(tags=["live"])


@router.get(
    PATH,
    status_code=101,
    summary="The live feed, a WebSocket",
    responses={101: {"description": "The feed is open"}, **problem_responses(426)},
)
async def live() -> Response:
    """Connect by WebSocket (`clarion.v1`)."""
    response = problem_response(UpgradeRequired("Connect by WebSocket here."))
    response.headers["upgrade"] = "websocket"
    response.headers["connection"] = "upgrade"
    return response
