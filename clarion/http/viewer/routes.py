"""The routes of the documentation, for any service and below any path prefix.

The page names everything relative to itself. It may load from its own origin only, so neither a
font nor a count of its visitors leaves the installation.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from clarion.errors import NotFound
from clarion.http.viewer.assets import Asset, assets, digest, page_of
from clarion.http.web_files import takes_gzip

Documents = Mapping[str, Callable[[], dict[str, Any]]]
"""What gives each OpenAPI document, by its path."""

PATH = "/docs"
SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FRESH = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"


def docs_router(documents: Documents, *, shown: str) -> APIRouter:
    """`/docs`, what it needs, and the documents; the page shows the one at the path `shown`."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def page(request: Request) -> Response:
        headers = {"content-security-policy": SECURITY_POLICY}
        body = page_of(shown.removeprefix("/"))
        return checked(request, body, "text/html; charset=utf-8", headers)

    @router.get(PATH + "/")
    async def led_to_the_page() -> Response:
        return Response(status_code=308, headers={"location": ".." + PATH})

    @router.get(PATH + "/{version}/{name}")
    async def asset(request: Request, version: str, name: str) -> Response:
        found = assets().get(name) if version == digest() else None
        if found is None:
            raise NotFound("There is nothing at this address.")
        return await _content(request, found)

    for path, document in documents.items():
        router.add_api_route(path, _serving(document), methods=["GET"])
    _ = page, led_to_the_page, asset
    return router


def _serving(document: Callable[[], dict[str, Any]]) -> Callable[[Request], Any]:
    encoded: list[bytes] = []

    async def serve(request: Request) -> Response:
        if not encoded:
            encoded.append(msgspec.json.encode(document()))
        return checked(request, encoded[0], "application/json", {})

    return serve


def checked(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """The body, or 304 where the caller has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    fields = {"etag": tag, "cache-control": FRESH, **headers}
    given = request.headers.get("if-none-match", "")
    if tag in (one.strip().removeprefix("W/") for one in given.split(",")):
        return Response(status_code=304, headers=fields)
    return Response(body, headers=fields, media_type=media_type)


async def _content(request: Request, asset: Asset) -> Response:
    headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
    if not asset.is_packed:
        return Response(asset.content, headers=headers, media_type=asset.media_type)
    if takes_gzip(request.headers.get("accept-encoding", "")):
        packed = headers | {"content-encoding": "gzip"}
        return Response(asset.content, headers=packed, media_type=asset.media_type)
    body = await asyncio.to_thread(asset.unpacked)
    return Response(body, headers=headers, media_type=asset.media_type)
