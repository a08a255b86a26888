"""`GET /web/...`: the browser client and the elements (`clarion.http.web_files`)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from clarion.http.web_files import respond

router = APIRouter(include_in_schema=False)


@router.get("/web/{path:path}", response_class=Response)
async def web(request: Request, path: str) -> Response:
    """A module, for every origin that may open a feed."""
    return respond(request, path)
