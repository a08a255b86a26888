"""The FastAPI app of a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.types import Lifespan

from clarion.http.operation_ids import operation_id


def new_api(
    title: str,
    version: str,
    *,
    summary: str | None = None,
    description: str = "",
    tags: Sequence[dict[str, Any]] = (),
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """An app without routes. Documents are served by `clarion.http.viewer`, an address with a slash
    too many is not found, and whether a body is JSON is looked at before the framework reads it."""
    return FastAPI(
        title=title,
        version=version,
        summary=summary,
        description=description,
        openapi_tags=list(tags) or None,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        generate_unique_id_function=operation_id,
    )
