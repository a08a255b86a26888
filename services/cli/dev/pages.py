"""The static pages. They are the same for every visitor: no answer holds a key."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.http.web_files import WEB

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def create_pages() -> ASGIApp:
    """`/` and `/web/demo/...`; the modules that it loads come from the pusher."""

    async def home(_request: Request) -> Response:
        return FileResponse(WEB / "demo" / "index.html")

    return Starlette(
        routes=[
            Route("/", home),
            Mount("/web/demo", StaticFiles(directory=WEB / "demo", html=True)),
        ],
        middleware=[Middleware(HeadersMiddleware)],
    )


class HeadersMiddleware:
    """Adds `SECURITY_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0] != b"cache-control"]
                added = [
                    (name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
                ]
                message["headers"] = kept + added
            await send(message)

        await self.app(scope, receive, add_headers)
