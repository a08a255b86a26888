"""Three services as one ASGI app: one origin for the pages, the API and the feed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.http.operations import readiness
from services.cli.dev.lifespans import lifespan_of
from services.gateway.api import DOCUMENT_PATH, MERGED_PATH

PUSHER_PATHS = ("/v1/live", "/v1/inbox", "/v1/tickets", "/web")
PAGE_PATHS = ("/web/demo",)

MergedChecks = dict[str, str]


class ComposedApp:
    """Dispatches by path. Services start in the order given and stop in the reverse.

    `services` are named; those called `gateway` and `pusher` take requests, every one has a
    lifespan and a part in `/readyz`. Their lifespan states are merged into the server's, where
    the pusher's WebSocket protocol finds its engine.
    """

    def __init__(self, services: Mapping[str, ASGIApp], pages: ASGIApp) -> None:
        self._services = dict(services)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["path"] == "/readyz":
            await (await self._readyz())(scope, receive, send)
        elif scope["path"] == DOCUMENT_PATH:
            await self._document(scope, receive, send)
        else:
            await self._choose(scope["path"])(scope, receive, send)

    async def _document(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The document of all that is at this origin."""
        merged = {**scope, "path": MERGED_PATH, "raw_path": MERGED_PATH.encode()}
        await self._services["gateway"](merged, receive, send)

    def _choose(self, path: str) -> ASGIApp:
        if path == "/" or under(path, PAGE_PATHS):
            return self._pages
        return self._services["pusher" if under(path, PUSHER_PATHS) else "gateway"]

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = scope.get("state", {})
        phase = "startup"
        await receive()
        try:
            async with AsyncExitStack() as stack:
                for app in self._services.values():
                    await stack.enter_async_context(lifespan_of(app, state))
                await send({"type": "lifespan.startup.complete"})
                await receive()
                phase = "shutdown"
            await send({"type": "lifespan.shutdown.complete"})
        except Exception as error:
            failed: Message = {"type": f"lifespan.{phase}.failed", "message": str(error)}
            await send(failed)

    async def _readyz(self) -> Response:
        merged: MergedChecks = {}
        for name, app in self._services.items():
            for check, result in (await checks_of(app)).items():
                merged[f"{name}.{check}"] = result
        return readiness(merged)


async def checks_of(app: ASGIApp) -> dict[str, str]:
    """What a service's own `/readyz` says."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.get("/readyz")).json()["checks"]


def under(path: str, prefixes: tuple[str, ...]) -> bool:
    """Whether `path` is one of these or below it."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
