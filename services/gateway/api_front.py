"""The front of the gateway: pure ASGI before the FastAPI app.

`POST /v1/events` is answered here, on the shortest path. Other requests under `/v1/` reach the
routes once their key is valid and their body is well-formed JSON within the bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from types import SimpleNamespace

import structlog
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from clarion.contracts.media import without_bom
from clarion.errors import Problem, TooLarge, TooSlow
from clarion.http.bodies import METHODS_WITH_BODY, discard
from clarion.http.json_bodies import sound_json
from clarion.http.problems import OtherProblem, problem_response
from clarion.http.refusals import find_route, note_request
from clarion.http.repeated_headers import refuse_repeated
from clarion.http.security_headers import NO_STORE, SECURITY_HEADERS
from clarion.lifecycle.bounded_http import has_whole_body
from clarion.telemetry.metrics import UNEXPECTED_ERRORS
from clarion.telemetry.trace import continue_trace, set_current_trace, trace_id_of
from clarion.tokens.api_keys import ApiKey
from services.gateway.front.auth import Authenticator, require_scope
from services.gateway.front.memory_budget import MemoryBudget
from services.gateway.front.rates import RequestRates, sending_fields, with_fields
from services.gateway.ingest.accepted import NOTHING, Answer
from services.gateway.ingest.event_ingest import EventIngest
from services.gateway.ingest.request_parser import Headers, refuse_encoding, wants_partial
from services.gateway.metrics import REFUSED

EVENTS_PATH = "/v1/events"
API_PREFIX = "/v1/"
EVENTS_ROUTE = SimpleNamespace(path=EVENTS_PATH)
HEADERS_OF_ACCEPTED = ((b"content-type", b"application/json"), NO_STORE, *SECURITY_HEADERS)

log = structlog.get_logger("clarion.gateway")


class ApiFront:
    """An ASGI application in front of another."""

    def __init__(
        self,
        inner: ASGIApp,
        *,
        routes: Sequence[BaseRoute],
        ingest: EventIngest,
        authenticator: Authenticator,
        budget: MemoryBudget,
        rates: RequestRates,
    ) -> None:
        self._inner = inner
        self._routes = routes
        self._ingest = ingest
        self._authenticator = authenticator
        self._budget = budget
        self._rates = rates

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """An ASGI application."""
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            return self._inner(scope, receive, send)
        if scope["path"] == EVENTS_PATH:
            return self._events(scope, receive, send)
        return self._others(scope, receive, send)

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        traceparent = _continue(scope, headers)
        try:
            if len(headers) != len(scope["headers"]):
                refuse_repeated(scope["headers"])
            if scope["method"] != "POST":
                raise OtherProblem(405, "Events are sent by POST.")
            answer, problem = await self._accept(scope, headers, traceparent, receive)
        except ClientDisconnect:
            return
        except Exception as error:
            answer, problem = NOTHING, _problem_of(error)
        if problem is None:
            await _answer_accepted(answer, traceparent, scope, send)
            return
        REFUSED.labels(problem.code).inc()
        scope["route"] = EVENTS_ROUTE
        await _answer_problem(problem, traceparent, scope, receive, send)

    async def _accept(
        self, scope: Scope, headers: Headers, traceparent: str, receive: Receive
    ) -> tuple[Answer, Problem | None]:
        key = await self._authenticator.identify(scope, headers.get(b"authorization"))
        self._rates.charge(scope, key)
        require_scope(key, "events:write")
        partial = wants_partial(scope["query_string"])
        self._ingest.refuse_if_away()
        async with self._budget.body(key.tenant, headers, receive) as body:
            return await self._ingest.accept(key, traceparent, headers, body, partial=partial)

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        traceparent = _continue(scope, headers)
        async with AsyncExitStack() as until_answered:
            body = b""
            try:
                refuse_repeated(scope["headers"])
                key = await self._authenticator.identify(scope, headers.get(b"authorization"))
                self._rates.charge(scope, key)
                if scope["method"] in METHODS_WITH_BODY:
                    refuse_encoding(headers)
                    held = self._budget.body(key.tenant, headers, receive)
                    body = await until_answered.enter_async_context(held)
                    sound_json(headers.get(b"content-type", b"").decode("latin-1"), body)
            except ClientDisconnect:
                return
            except Exception as error:
                find_route(self._routes, scope)
                await _answer_problem(_problem_of(error), traceparent, scope, receive, send)
                return
            replay = _Replay(without_bom(body), receive)
            await self._inner(with_key(scope, key), replay, sending_fields(scope, send))


class _Replay:
    """`receive` for a body already read."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> dict[str, object]:
        if self._body is None:
            return dict(await self._receive())
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def with_key(scope: Scope, key: ApiKey) -> Scope:
    """The scope for the routes: `clarion.key` is the caller's key."""
    return {**scope, "clarion.key": key}


def _continue(scope: Scope, headers: Headers) -> str:
    given = headers.get(b"traceparent")
    traceparent = continue_trace(given.decode("latin-1") if given else None)
    set_current_trace(traceparent)
    note_request(scope)
    return traceparent


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    UNEXPECTED_ERRORS.inc()
    log.error("unexpected_error", exc_info=error)
    return Problem("Internal error; it has been logged.")


async def _answer_accepted(answer: Answer, traceparent: str, scope: Scope, send: Send) -> None:
    headers = [
        *HEADERS_OF_ACCEPTED,
        (b"content-length", b"%d" % len(answer.body)),
        (b"traceparent", traceparent.encode()),
        *with_fields(scope),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _answer_problem(
    problem: Problem, traceparent: str, scope: Scope, receive: Receive, send: Send
) -> None:
    response = problem_response(problem, trace_id_of(traceparent))
    response.headers["traceparent"] = traceparent
    response.raw_headers.extend([*SECURITY_HEADERS, *with_fields(scope)])
    if isinstance(problem, OtherProblem):
        response.headers["allow"] = "POST"
    if not isinstance(problem, TooLarge | TooSlow) and has_whole_body(scope):
        await response(scope, receive, send)
        return
    response.headers["connection"] = "close"
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await discard(receive)
    await send({"type": "http.response.body", "body": b""})
