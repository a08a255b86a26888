"""Headers that may occur once: of two, each proxy may use another one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from clarion.errors import BadRequest, FieldError
from clarion.http.problems import problem_response

SINGLE = (b"authorization", b"content-type", b"idempotency-key", b"traceparent")


def refuse_repeated(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises `BadRequest` (`repeated_header`) for a header of `SINGLE` that came twice."""
    names = [name for name, _ in headers]
    faults = [
        FieldError(name.decode().title(), "was given more than once: send it once")
        for name in SINGLE
        if names.count(name) > 1
    ]
    if faults:
        detail = f"{faults[0].field} was given more than once."
        raise BadRequest(detail, code="repeated_header", errors=faults)


class SingleHeadersMiddleware:
    """Refuses requests with a header of `SINGLE` that came twice."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "http":
            try:
                refuse_repeated(scope["headers"])
            except BadRequest as problem:
                await problem_response(problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)
