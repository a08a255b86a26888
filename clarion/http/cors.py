"""CORS by `AllowedOrigins`."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from clarion.http.origins import AllowedOrigins
from clarion.http.refused_origins import RefusedOrigins

MAX_AGE_S = 600


class AllowedOriginsMiddleware(CORSMiddleware):
    """Lets pages of listed origins read the answers; refused preflights are noted."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed: AllowedOrigins,
        refused: RefusedOrigins,
        methods: Collection[str],
        request_headers: Collection[str],
        exposed_headers: Collection[str],
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

    def is_allowed_origin(self, origin: str) -> bool:
        """As `CORSMiddleware`."""
        return self._allowed.lists(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """As `CORSMiddleware`."""
        origin = request_headers["origin"]
        if not self._allowed.lists(origin):
            self._refused.note(origin, request_headers.getlist("host"), "cors")
        return super().preflight_response(request_headers)
