"""Carries W3C Trace Context through HTTP: continues the caller's trace or begins one."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.http.refusals import note_request
from clarion.telemetry.trace import continue_trace, set_current_trace


class TraceMiddleware:
    """Sets the current trace and answers with a `traceparent` header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        traceparent = continue_trace(_header(scope, b"traceparent"))
        set_current_trace(traceparent)
        note_request(scope)

        async def add_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (b"traceparent", traceparent.encode())
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        await self.app(scope, receive, add_header)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None
