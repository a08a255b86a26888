"""`GET /v1/live/sse`: the live feed as server-sent events, for clients without WebSocket."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clarion.contracts.error_words import described
from clarion.contracts.frames import Hello
from clarion.errors import Forbidden, Unauthorized
from clarion.http.methods import IS_HEAD
from clarion.http.problems import problem_responses
from clarion.lifecycle.bounded_http import take_over
from clarion.lifecycle.http_1_0 import may_chunk
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.engine import Engine
from services.pusher.routes.caller import bearer
from services.pusher.routes.schemas import Epoch, Version
from services.pusher.sockets.sse import EventStream
from services.pusher.wire.handshake import PATH

router = APIRouter(tags=["live"])

EVENT_ID = described(
    r"^([^.]{1,64}\.)?[0-9]{1,16}$", "be the id of an event, such as a1b2c3.42, or a version"
)
Secret = Annotated[str | None, Query(max_length=8192)]
FEED: dict[str, Any] = {
    "description": "The feed",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
FEED_HEADERS = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}
RESPONSES = {200: FEED, **problem_responses(401, 403, 409, 422, 429, 503)}


async def authenticated_subscriber(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    ticket: Annotated[Secret, Query(description="from `POST /v1/tickets`")] = None,
    token: Annotated[
        Secret, Query(description="the token itself, where the server allows it")
    ] = None,
) -> SubscriberToken:
    """The claims of the token or ticket. Raises `Forbidden` for an origin that is not allowed,
    `Unauthorized` and `Unavailable`."""
    engine: Engine = request.app.state.pusher
    try:
        return await _authenticate(request, engine, credentials, ticket, token)
    except (Forbidden, Unauthorized):
        engine.handshake_gate.charge_failure(address_of(request, engine))
        raise


async def _authenticate(
    request: Request,
    engine: Engine,
    credentials: HTTPAuthorizationCredentials | None,
    ticket: str | None,
    token: str | None,
) -> SubscriberToken:
    origins, hosts = (request.headers.getlist(name) for name in ("origin", "host"))
    origin = ", ".join(origins)
    if origins and not engine.allowed_origins.may_listen(origin, hosts):
        engine.handshake_gate.refused_origins.note(origin, hosts, "stream")
        raise Forbidden("This origin is not allowed.", code="origin_not_allowed")
    if credentials is not None:
        return await engine.verifier.verify(credentials.credentials)
    if ticket is not None and not request.scope.get(IS_HEAD):  # HEAD must not use a ticket up
        return await engine.tickets.redeem(ticket)
    if token is not None and engine.settings.token_in_query:
        return await engine.verifier.verify(token)
    raise Unauthorized("A subscriber token or a ticket is required.", code="token_missing")


@router.get(
    f"{PATH}/sse",
    summary="The live feed as server-sent events",
    response_class=Response,
    responses=RESPONSES,
)
async def sse(
    request: Request,
    claims: Annotated[SubscriberToken, Depends(authenticated_subscriber)],
    since: Annotated[Version | None, Query(description="the last version received")] = None,
    epoch: Epoch = None,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=EVENT_ID,
            description="`<epoch>.<version>`, or a version alone; overrides `since` and `epoch`",
        ),
    ] = None,
) -> Response:
    """The data of each event is a frame of `clarion.v1`, its id the epoch and version to resume
    from. Without `since` the feed starts with a snapshot. The last event, `close`, has the
    reason."""
    if request.scope.get(IS_HEAD):
        return Response(headers=FEED_HEADERS, media_type="text/event-stream")
    engine: Engine = request.app.state.pusher
    address = address_of(request, engine)
    engine.capacity.check_stream(claims, address)
    hello = Hello(since=since, epoch=epoch) if last_event_id is None else hello_after(last_event_id)
    return FeedResponse(engine, claims, hello, address)


def hello_after(event_id: str) -> Hello:
    """A `hello` that resumes after this event."""
    epoch, _, version = event_id.rpartition(".")
    return Hello(since=int(version), epoch=epoch or None)


def address_of(request: Request, engine: Engine) -> str:
    return engine.address_of(request.scope["client"], request.headers.getlist("x-forwarded-for"))


class FeedResponse(Response):
    """Starts the response, then takes the connection over from HTTP."""

    media_type = "text/event-stream"

    def __init__(self, engine: Engine, claims: SubscriberToken, hello: Hello, address: str) -> None:
        super().__init__(headers=FEED_HEADERS)
        del self.headers["content-length"]
        self._engine = engine
        self._claims = claims
        self._hello = hello
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})

        def make(transport: asyncio.Transport, connections: set[object]) -> EventStream:
            chunks = may_chunk(scope)
            return EventStream(self._engine, transport, connections, is_chunked=chunks)

        stream = take_over(scope, make)
        if stream is not None:
            stream.open(self._claims, self._hello, self._address)
