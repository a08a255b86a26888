"""The static pages and the demo's configuration.

The demo page gets a key of its own, but only where nobody else can ask: the server is bound to a
loopback address, and the browser was sent to a loopback name (so that no foreign name that
resolves to this machine can read it).
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.cli.dev.addresses import LOOPBACK_NAMES, host_name, is_loopback
from clarion.errors import NotFound
from clarion.http.problems import problem_response

WEB = Path(__file__).resolve().parents[3] / "web"

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def create_pages(host: str, demo: dict[str, str]) -> ASGIApp:
    """`/`, `/web/...` and `/demo/config.json`, with `demo` in it; `host` is what is bound."""

    async def home(_request: Request) -> Response:
        return FileResponse(WEB / "demo" / "index.html")

    async def config(request: Request) -> Response:
        if not (is_loopback(host) and host_name(request) in LOOPBACK_NAMES):
            return problem_response(NotFound("The demo is served on loopback addresses only."))
        return JSONResponse(demo)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/demo/config.json", config),
            Mount("/web", StaticFiles(directory=WEB, html=True)),
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
