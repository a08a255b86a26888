"""The routes of the pusher and their OpenAPI document; `app` adds the resources behind them."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import Lifespan

from clarion.http.apis import new_api
from clarion.http.operations import operations_router
from clarion.http.query_parameters import only_known_parameters
from clarion.http.viewer.routes import docs_router
from services.pusher.openapi import install_openapi
from services.pusher.routes import inbox, live, stream, tickets, web

SHARD = "shard"
"""A proxy chooses the pusher by it; clients may send it with every request."""
TAGS = [
    {"name": "inbox", "description": "A subscriber's items and the commands on them."},
    {"name": "live", "description": "The feed and the tickets that open it."},
]
"""In display order."""
DOCUMENT_PATH = "/v1/inbox/openapi.json"


OPEN_ROUTERS = (live.router, web.router)
"""What may bear any query parameter."""
CALLS = (stream.router, tickets.router, inbox.router)
ROUTES = [route for router in (*OPEN_ROUTERS, *CALLS) for route in router.routes]


def create_api(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Routes find the engine in `app.state`; health and metrics are added by `app`."""
    api = new_api(
        "Clarion inbox",
        "1",
        summary="A subscriber's inbox: list, changes, read state, live feed.",
        tags=TAGS,
        lifespan=lifespan,
    )
    for router in OPEN_ROUTERS:
        api.include_router(router)
    for router in CALLS:
        api.include_router(router, dependencies=[Depends(only_known_parameters(also={SHARD}))])
    install_openapi(api)
    api.include_router(docs_router({DOCUMENT_PATH: lambda: api.openapi()}, shown=DOCUMENT_PATH))
    return api


def api_document() -> dict[str, Any]:
    """The document, without starting anything."""
    api = create_api()
    api.include_router(operations_router({}))
    return api.openapi()
