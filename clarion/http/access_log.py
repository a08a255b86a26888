"""One log line for each request, where `CLARION_ACCESS_LOG` asks for it."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.telemetry.trace import trace_id_of

log = structlog.get_logger("clarion.access")


class AccessLogMiddleware:
    """Logs every HTTP request at its end: method, path, status, time. Query strings and headers are
    left out, because they may hold tokens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        status, size, traceparent = 0, 0, ""

        async def note(message: Message) -> None:
            nonlocal status, size, traceparent
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message.get("headers", ()):
                    if name == b"traceparent":
                        traceparent = value.decode("latin-1")
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            client = scope.get("client")
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                bytes=size,
                duration_ms=round((time.monotonic() - begun) * 1000, 1),
                client=client[0] if client else None,
                trace_id=trace_id_of(traceparent),
            )
