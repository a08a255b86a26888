"""Problem documents, health, readiness and the trace header, as every service has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from clarion.errors import FieldError, Invalid, Unavailable
from clarion.http import operations
from clarion.http.field_words import field_path
from clarion.http.operations import operations_router
from clarion.http.problems import install_problem_handlers, problem_responses
from clarion.http.tracing import TraceMiddleware

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int


async def fine() -> str | None:
    return None


async def broken() -> str | None:
    return "The broker is away."


async def crashing() -> str | None:
    raise RuntimeError("canary")


async def hanging() -> str | None:
    await asyncio.Event().wait()
    return None


def app_with_problems() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(TraceMiddleware)
    checks = {"fine": fine, "broken": broken, "crashing": crashing, "hanging": hanging}
    app.include_router(operations_router(checks))

    @app.post("/orders", responses=problem_responses(422, 503))
    async def orders(order: Order) -> None:
        match order.number:
            case 1:
                raise Unavailable("Later.", retry_after_s=7)
            case 2:
                raise Invalid("One field is wrong.", errors=[FieldError("to[1].id", "too long")])
            case _:
                raise RuntimeError("canary")

    _ = orders
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app_with_problems())
    headers = {"traceparent": TRACEPARENT}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as made:
        yield made


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    document = {
        "type": f"urn:clarion:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "trace_id": TRACE_ID,
    }
    return document | more


async def test_a_problem_says_what_when_and_where(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/orders", json={"number": 1})
    assert answer.json() == problem(503, "unavailable", "Service unavailable", "Later.")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["traceparent"].split("-")[1] == TRACE_ID


async def test_wrong_fields_are_named(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/orders", json={"number": 2})
    errors = [{"field": "to[1].id", "message": "too long"}]
    expected = problem(422, "invalid", "Validation failed", "One field is wrong.", errors=errors)
    assert answer.json() == expected


async def test_input_is_never_echoed(client: httpx2.AsyncClient) -> None:
    wrong = [{"number": "canary"}, {"number": 3, "x": "canary"}, "canary", {"number": 9}]
    answers = [await client.post("/orders", json=body) for body in wrong]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 500]
    assert [answer for answer in answers if "canary" in answer.text] == []


async def test_a_body_that_is_not_json_is_malformed(client: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/orders", content=b"{canary", headers=headers)
    detail = "The body is not JSON: malformed at line 1, column 2."
    expected = problem(400, "malformed_json", "Bad request", detail)
    assert answer.json() == expected


async def test_the_frameworks_own_errors_are_problems_too(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/nothing")
    wrong_method = await client.get("/orders")
    assert missing.json()["code"] == "not_found"
    assert wrong_method.json()["code"] == "method_not_allowed"
    assert wrong_method.headers["allow"] == "POST"


async def test_readiness_names_what_fails(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "CHECK_TIMEOUT_S", 0.05)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "checks": {
            "fine": "ok",
            "broken": "The broker is away.",
            "crashing": "The check itself failed: RuntimeError.",
            "hanging": "No answer within 0.05 s.",
        },
    }


async def test_alive_whatever_the_checks_say(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_metrics_are_in_prometheus_format(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "clarion_background_restarts_total" in answer.text


def test_a_location_reads_as_a_path() -> None:
    assert field_path(("body", "to", 1, "id")) == "to[1].id"
    assert field_path(("query", "limit")) == "limit"
    assert field_path(("body",)) == "body"
    assert field_path(("body", "x" * 9999)) == "?"
