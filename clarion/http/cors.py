"""CORS by `AllowedOrigins`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from clarion.errors import BadRequest, FieldError
from clarion.http.origins import AllowedOrigins
from clarion.http.problems import problem_response
from clarion.http.refusals import find_route
from clarion.http.refused_origins import RefusedOrigins

MAX_AGE_S = 600
ORIGIN = "Origin"
METHOD = "Access-Control-Request-Method"
HEADERS = "Access-Control-Request-Headers"
PRIVATE_NETWORK = "Access-Control-Request-Private-Network"
OF_CORS = ("vary", "access-control-")


def is_preflight(scope: Scope) -> bool:
    """Whether the request is a CORS preflight."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    headers = Headers(scope=scope)
    return ORIGIN in headers and METHOD in headers


class AllowedOriginsMiddleware(CORSMiddleware):
    """Lets pages of listed origins read the answers. A preflight that is refused is noted, and
    answered by a problem document under the current trace; `routes` name what it is about."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed: AllowedOrigins,
        refused: RefusedOrigins,
        methods: Collection[str],
        request_headers: Collection[str],
        exposed_headers: Collection[str],
        routes: Sequence[BaseRoute],
    ) -> None:
        super().__init__(
            app,
            allow_methods=methods,
            allow_headers=request_headers,
            expose_headers=exposed_headers,
            max_age=MAX_AGE_S,
        )
        self._allowed = allowed
        self._refused = refused
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if is_preflight(scope):
            find_route(self._routes, scope)
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """As `CORSMiddleware`."""
        return self._allowed.lists(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """As `CORSMiddleware`."""
        origin = request_headers[ORIGIN]
        if not self._allowed.lists(origin):
            self._refused.note(origin, request_headers.getlist("host"), "cors")
        answer = super().preflight_response(request_headers)
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        problem = BadRequest(
            "Pages of this origin may not make this call.",
            code="preflight_refused",
            errors=list(self._faults(request_headers)),
        )
        response = problem_response(problem)
        for name, value in answer.headers.items():
            if name.startswith(OF_CORS):
                response.headers[name] = value
        return response

    def _faults(self, asked: Headers) -> Iterator[FieldError]:
        if not self._allowed.lists(asked[ORIGIN]):
            yield FieldError(ORIGIN, "is in no entry of CLARION_ALLOWED_ORIGINS: add it there")
        if asked[METHOD] not in self.allow_methods:
            yield FieldError(METHOD, f"must be one of {', '.join(self.allow_methods)}")
        names = (name.strip().lower() for name in asked.get(HEADERS, "").split(","))
        if HEADERS in asked and any(name not in self.allow_headers for name in names):
            yield FieldError(HEADERS, f"may name {', '.join(self.allow_headers)}")
        if PRIVATE_NETWORK in asked:
            yield FieldError(
                PRIVATE_NETWORK, "is not granted: serve the page from the same network"
            )
