"""The calls of the gateway and their OpenAPI document; `app` adds the resources."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import Lifespan

from clarion.http.apis import new_api
from clarion.http.merged_document import read_merged
from clarion.http.operations import Check, operations_router
from clarion.http.query_parameters import only_known_parameters
from clarion.http.viewer.routes import docs_router
from services.gateway.admin.routes import ROUTERS
from services.gateway.openapi import install_openapi

TAGS = [
    {"name": "events", "description": "Say what happened."},
    {"name": "history", "description": "The outcome per recipient and channel."},
    {"name": "deliveries", "description": "List, redrive or cancel deliveries."},
    {"name": "directory", "description": "Subscribers and topics."},
    {"name": "tokens", "description": "Tokens with which a subscriber's page opens the feed."},
    {"name": "operations", "description": "For operators of Clarion."},
]
"""In display order."""
DOCUMENT_PATH = "/openapi.json"
MERGED_PATH = "/docs/merged.json"
"""Of gateway and pusher: served as `DOCUMENT_PATH` by a proxy with one origin for both."""


def create_api(checks: Mapping[str, Check], lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Their resources come from the state of the app."""
    api = new_api(
        "Clarion gateway",
        version("clarion"),
        description="Events in, history out.",
        tags=TAGS,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        api.include_router(router, dependencies=[Depends(only_known_parameters())])
    api.include_router(operations_router(checks))
    install_openapi(api)
    documents = {DOCUMENT_PATH: api.openapi, MERGED_PATH: read_merged}
    api.include_router(docs_router(documents, shown=DOCUMENT_PATH))
    return api


def api_document() -> dict[str, Any]:
    """The document, without running the service."""
    return create_api({}).openapi()
