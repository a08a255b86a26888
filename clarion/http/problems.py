"""Every error answer: `application/problem+json` (RFC 9457) with a stable `code`.

Input is never echoed: a wrong field is named, its value is not repeated.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.contracts.refusals import malformed
from clarion.errors import BadRequest, Invalid, NotFound, Problem
from clarion.http.field_words import faults_of
from clarion.http.methods import methods_at
from clarion.http.refusals import log_refusal
from clarion.telemetry.metrics import UNEXPECTED_ERRORS
from clarion.telemetry.trace import current_trace_id, new_traceparent, trace_id_of

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:clarion:problem:"

log = structlog.get_logger("clarion.http")


class FieldDocument(Struct):
    """One wrong field."""

    field: str
    message: str


class ProblemDocument(Struct, omit_defaults=True):
    """The body of an error answer."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    trace_id: str
    errors: list[FieldDocument] = []


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "stable; act on this, not on the sentences"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


class OtherProblem(Problem):
    """A status of the framework's own, such as 405."""

    def __init__(self, status: int, detail: str) -> None:
        phrase = HTTPStatus(status).phrase
        super().__init__(detail, code=phrase.lower().replace(" ", "_").replace("-", "_"))
        self.own_status = status
        self.own_title = phrase.capitalize()


def problem_body(
    problem: Problem, trace_id: str, *, method: str | None = None, route: str | None = None
) -> bytes:
    """The JSON of the answer. A refusal is logged under the trace id that it bears, with the
    current request's method and route unless they are given."""
    code = problem.code
    status, title = _status_and_title(problem)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        log_refusal(status, code, trace_id, problem.errors, method=method, route=route)
    return msgspec.json.encode(
        ProblemDocument(
            type=TYPE_PREFIX + code,
            title=title,
            status=status,
            detail=problem.detail,
            code=code,
            trace_id=trace_id,
            errors=[FieldDocument(one.field, one.message) for one in problem.errors],
        )
    )


def problem_response(problem: Problem, trace_id: str | None = None) -> Response:
    """The answer, with `Retry-After` (seconds) where the problem knows when to come back."""
    trace = trace_id or current_trace_id() or trace_id_of(new_traceparent())
    headers = {"cache-control": "no-store"}
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(problem.retry_after_s)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    status, _ = _status_and_title(problem)
    return Response(problem_body(problem, trace), status, headers, CONTENT_TYPE)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: what OpenAPI says of these answers."""
    content = {CONTENT_TYPE: {"schema": PROBLEM_SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of this app a problem document, the framework's own included."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(UnexpectedErrorMiddleware)


class UnexpectedErrorMiddleware:
    """Answers 500 to unhandled exceptions, and logs them once with traceback and trace id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except ClientDisconnect:
            return
        except Exception as error:
            if started:
                raise
            await _answer_to(error)(scope, receive, send)


def _answer_to(error: Exception) -> Response:
    if isinstance(error, Problem):
        return problem_response(error)
    UNEXPECTED_ERRORS.inc()
    log.error("unexpected_error", exc_info=error)
    return problem_response(Problem("Something went wrong on our side; it has been logged."))


async def _on_problem(_request: Request, error: Exception) -> Response:
    return problem_response(cast("Problem", error))


async def _on_invalid(request: Request, error: Exception) -> Response:
    refused = cast("RequestValidationError", error)
    found = refused.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem_response(_malformed(refused))
    errors = faults_of(request, found)
    what = "1 field is" if len(errors) == 1 else f"{len(errors)} fields are"
    return problem_response(Invalid(f"{what} not as documented.", errors=errors))


def _malformed(error: RequestValidationError) -> Problem:
    body = error.body if isinstance(error.body, bytes) else str(error.body).encode()
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return malformed(body, fault)
    return BadRequest("The body is not JSON.", code="malformed_json")


async def _on_http_exception(request: Request, error: Exception) -> Response:
    found = cast("HTTPException", error)
    if found.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("There is nothing at this address."))
    if found.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(methods_at(request.app.routes, request.scope))
        problem = OtherProblem(found.status_code, f"This address takes {allowed}.")
        response = problem_response(problem)
        response.headers["allow"] = allowed
        return response
    response = problem_response(OtherProblem(found.status_code, _sentence_of(found)))
    for name, value in (found.headers or {}).items():
        response.headers[name] = value
    return response


def _sentence_of(found: HTTPException) -> str:
    if found.status_code == HTTPStatus.BAD_REQUEST:
        return "The body cannot be read: send JSON in UTF-8."
    return HTTPStatus(found.status_code).description or HTTPStatus(found.status_code).phrase


def status_of(problem: Problem) -> int:
    """The status of the answer."""
    return _status_and_title(problem)[0]


def _status_and_title(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, OtherProblem):
        return problem.own_status, problem.own_title
    return problem.status, problem.title
