"""The trace id of every refusal leads to a log line, and the line repeats nothing of the input."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import httpx2
import pytest
import structlog

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from tests.support.gateway import gateway_client, make_key
from tests.support.pusher import Pusher

CANARY = "canary-4711"

CASES = [
    ("POST", "/v1/events", b"{", 400, "/v1/events"),
    ("POST", f"/v1/events?{CANARY}=1", b"{}", 400, "/v1/events"),
    ("GET", "/v1/events", b"", 405, "/v1/events"),
    ("POST", "/v1/events", json.dumps({"type": CANARY + " !"}).encode(), 422, "/v1/events"),
    ("POST", "/v1/events", b"x" * 1_100_000, 413, "/v1/events"),
    ("GET", f"/v1/events/{CANARY}", b"", 404, "/v1/events/{event_id}"),
    ("GET", f"/v1/notifications?since={CANARY}", b"", 422, "/v1/notifications"),
    ("GET", f"/v1/subscribers/{CANARY}", b"", 404, "/v1/subscribers/{subscriber_id}"),
    ("PUT", f"/v1/subscribers/{CANARY}", b'{"email": 7}', 422, "/v1/subscribers/{subscriber_id}"),
    ("PUT", f"/v1/subscribers/{CANARY}", b"{", 400, "/v1/subscribers/{subscriber_id}"),
    ("GET", f"/v1/{CANARY}", b"", 404, "?"),
    ("GET", f"/{CANARY}", b"", 404, "?"),
]


def refused(lines: list[MutableMapping[str, Any]]) -> MutableMapping[str, Any]:
    (line,) = [one for one in lines if one["event"] == "request_refused"]
    assert CANARY not in json.dumps(lines, default=str)
    return line


@pytest.mark.parametrize(("method", "path", "body", "status", "route"), CASES)
async def test_a_refusal_of_the_gateway(
    memory_bus: Bus,
    database: Database,
    method: str,
    path: str,
    body: bytes,
    status: int,
    route: str,
) -> None:
    async with gateway_client(memory_bus, database) as client:
        json_body = {"content-type": "application/json"}
        with structlog.testing.capture_logs() as lines:
            answer = await client.request(method, path, content=body, headers=json_body)
    line = refused(lines)
    problem = answer.json()
    assert (answer.status_code, line["status"], line["method"]) == (status, status, method)
    assert (line["trace_id"], line["code"]) == (problem["trace_id"], problem["code"])
    assert (line["log_level"], line["route"]) == ("info", route)
    if status == 422:
        assert line["fields"] == [one["field"] for one in problem["errors"]]


@pytest.mark.parametrize("path", ["/v1/events", f"/v1/subscribers/{CANARY}"])
async def test_a_refused_key(memory_bus: Bus, database: Database, path: str) -> None:
    narrow = await make_key(database, scopes=["tokens:write"])
    async with gateway_client(memory_bus, database) as client:
        for key, code in ((CANARY, "key_invalid"), (narrow, "missing_scope")):
            headers = {"authorization": f"Bearer {key}"}
            with structlog.testing.capture_logs() as lines:
                answer = await client.put(path, headers=headers, json={})
                if path == "/v1/events":
                    lines.clear()
                    answer = await client.post(path, headers=headers, json={})
            line = refused(lines)
            assert (line["code"], line["trace_id"]) == (code, answer.json()["trace_id"])
            assert line["route"] == path.replace(CANARY, "{subscriber_id}")


async def test_a_refusal_of_the_pusher(pusher: Pusher) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{pusher.port}") as client:
        for path, route in (("/v1/inbox", "/v1/inbox"), (f"/v1/inbox/{CANARY}", "?")):
            with structlog.testing.capture_logs() as lines:
                answer = await client.get(path)
            line = refused(lines)
            assert (line["status"], line["route"]) == (answer.status_code, route)
            assert line["trace_id"] == answer.json()["trace_id"]


PAGE = "https://app.example"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
}
REFUSED_PREFLIGHTS = [
    ({"origin": f"https://{CANARY}.example"}, ["Origin"]),
    ({"origin": "null"}, ["Origin"]),
    ({"access-control-request-method": CANARY}, ["Access-Control-Request-Method"]),
    (
        {"access-control-request-headers": f"authorization, {CANARY}"},
        ["Access-Control-Request-Headers"],
    ),
    (
        {"origin": f"https://{CANARY}", "access-control-request-private-network": "true"},
        ["Origin", "Access-Control-Request-Private-Network"],
    ),
]


async def check_preflight(
    client: httpx2.AsyncClient, path: str, route: str, asked: dict[str, str], fields: list[str]
) -> None:
    """It is refused as anything else is."""
    for headers in (PREFLIGHT | asked, PREFLIGHT | asked | {"traceparent": ""}):
        with structlog.testing.capture_logs() as lines:
            answer = await client.options(path, headers=headers)
        line = refused([one for one in lines if one["event"] == "request_refused"])
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert CANARY not in answer.text
        assert (answer.status_code, problem["code"]) == (400, "preflight_refused")
        assert [one["field"] for one in problem["errors"]] == fields
        assert (line["fields"], line["route"], line["method"]) == (fields, route, "OPTIONS")
        assert (line["status"], line["trace_id"]) == (400, problem["trace_id"])
        assert answer.headers["traceparent"].split("-")[1] == problem["trace_id"]
        assert headers["traceparent"] == "" or problem["trace_id"] == TRACE
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(("asked", "fields"), REFUSED_PREFLIGHTS)
async def test_a_refused_preflight_of_the_gateway(
    memory_bus: Bus, database: Database, asked: dict[str, str], fields: list[str]
) -> None:
    async with gateway_client(memory_bus, database, allowed_origins=[PAGE]) as client:
        await check_preflight(client, "/v1/events", "/v1/events", asked, fields)
        path = f"/v1/subscribers/{CANARY}"
        await check_preflight(client, path, "/v1/subscribers/{subscriber_id}", asked, fields)
        await check_preflight(client, f"/{CANARY}", "?", asked, fields)
        granted = await client.options("/v1/events", headers=PREFLIGHT)
    assert (granted.status_code, granted.headers["access-control-allow-origin"]) == (200, PAGE)
    assert granted.headers["traceparent"].split("-")[1] == TRACE


async def test_where_no_origin_is_listed_a_preflight_is_refused_as_well(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await check_preflight(client, "/v1/events", "/v1/events", {}, ["Origin"])


async def test_a_refused_preflight_of_the_pusher(pusher: Pusher) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{pusher.port}") as client:
        await check_preflight(client, "/v1/inbox/read", "/v1/inbox/read", {}, ["Origin"])
