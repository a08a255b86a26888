"""The access log: a line for each request where it is asked for, without what a query holds."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from clarion.http.access_log import AccessLogMiddleware
from clarion.http.tracing import TraceMiddleware


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


@pytest.mark.parametrize(("path", "status", "size"), [("/hello", 200, 5), ("/nothing", 404, 9)])
async def test_a_request_is_one_line_without_its_query(path: str, status: int, size: int) -> None:
    app: Any = AccessLogMiddleware(TraceMiddleware(Starlette(routes=[Route("/hello", hello)])))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        with structlog.testing.capture_logs() as lines:
            answer = await client.get(
                f"{path}?token=canary", headers={"authorization": "Bearer canary"}
            )
    (line,) = lines
    assert (line["event"], line["log_level"], line["method"]) == ("request", "info", "GET")
    assert (line["path"], line["status"], line["bytes"]) == (path, status, size)
    assert line["trace_id"] == answer.headers["traceparent"].split("-")[1]
    assert line["duration_ms"] >= 0
    assert "canary" not in str(lines)
