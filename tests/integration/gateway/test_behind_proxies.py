"""What a reverse proxy does to a request: another `Host`, HTTP/1.0, a page of another origin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from prometheus_client import REGISTRY

from clarion.bus import Bus
from clarion.store.database import Database
from testbed.processes import wait_until
from tests.support.gateway import KEY, gateway_client
from tests.support.pusher import Pusher, running_pusher, token

LISTED = ["https://*.example.com"]
SUBDOMAIN = "https://shop.eu.example.com"
FOREIGN = [
    "https://example.com",
    "https://evil-example.com",
    "https://a.example.com.evil",
    "https://a.example.com:8443",
    "http://a.example.com",
    "null",
]
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
}


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus, database, heartbeat_s=1, allowed_origins=LISTED
    ) as running:
        yield running


def refused_of(surface: str) -> float:
    """How many were counted so far."""
    return REGISTRY.get_sample_value("clarion_refused_origins_total", {"surface": surface}) or 0


async def raw_answer(pusher: Pusher, request: bytes, until: bytes) -> bytes:
    """What came up to `until`, or until the server ended the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    answer = b""
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            while until not in answer and (more := await reader.read(65_536)):
                answer += more
    finally:
        writer.close()
    return answer


def stream_request(version: str, *lines: str) -> bytes:
    head = [f"GET /v1/live/sse?token={token('ada')} HTTP/{version}", *lines]
    return "\r\n".join([*head, "", ""]).encode()


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_wildcard_is_one_rule_for_socket_stream_and_calls(
    pusher: Pusher, origin: str
) -> None:
    async with pusher.connect("ada", origin=SUBDOMAIN) as client:
        await client.hello()
        await client.until("caught_up")
    async with pusher.connect("ada", origin=origin) as client:
        assert await client.closed() == (4403, "origin_not_allowed")
    async with httpx2.AsyncClient(base_url=pusher.http) as http:
        headers = {"authorization": f"Bearer {token('ada')}"}
        for asked, expected in ((SUBDOMAIN, SUBDOMAIN), (origin, None)):
            answer = await http.get("/v1/inbox", headers=headers | {"origin": asked})
            assert answer.headers.get("access-control-allow-origin") == expected
            assert "Origin" in answer.headers["vary"]
        refused = await http.get("/v1/live/sse", headers=headers | {"origin": origin})
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
        stream = http.stream("GET", "/v1/live/sse", headers=headers | {"origin": SUBDOMAIN})
        async with stream as answer:
            assert answer.status_code == 200


async def test_two_origins_at_once_open_nothing(pusher: Pusher) -> None:
    both = (f"Origin: {SUBDOMAIN}", "Origin: https://evil.example")
    answer = await raw_answer(pusher, stream_request("1.1", "Host: x", *both), b"}")
    assert answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("listed", [[], LISTED])
async def test_the_gateway_follows_the_same_rule_and_tells_of_a_refused_preflight(
    memory_bus: Bus, database: Database, listed: list[str]
) -> None:
    async with gateway_client(memory_bus, database, allowed_origins=listed) as client:
        before = refused_of("cors")
        with structlog.testing.capture_logs() as lines:
            refused = await client.options(
                "/v1/events", headers=PREFLIGHT | {"origin": "https://evil-example.com"}
            )
        allowed = await client.options("/v1/events", headers=PREFLIGHT | {"origin": SUBDOMAIN})
    assert refused.status_code == 400
    assert allowed.status_code == (200 if listed else 400)
    assert refused_of("cors") == before + (1 if listed else 2)
    (line,) = [one for one in lines if one["event"] == "origin_refused"]
    told = (line["origin"], line["host"], line["surface"], line["count"])
    assert told == ("https://evil-example.com", "gateway", "cors", 1)
    assert KEY not in str(lines)


async def test_a_rewritten_host_is_told_with_the_origin_that_it_does_not_fit(
    pusher: Pusher,
) -> None:
    page = "https://app.example"
    before = refused_of("websocket"), refused_of("stream")
    headers = {"authorization": f"Bearer {token('ada')}", "origin": page, "host": "pusher:8001"}
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            async with pusher.connect("ada", origin=page) as client:
                await client.closed()
        async with httpx2.AsyncClient(base_url=pusher.http) as http:
            await http.get("/v1/live/sse", headers=headers)
    assert (refused_of("websocket"), refused_of("stream")) == (before[0] + 3, before[1] + 1)
    told = [one for one in lines if one["event"] == "origin_refused"]
    assert [(one["surface"], one["origin"], one["host"]) for one in told] == [
        ("websocket", page, f"127.0.0.1:{pusher.port}"),
        ("stream", page, "pusher:8001"),
    ]
    assert token("ada").split(".")[1] not in str(lines)


async def test_a_stream_of_http_1_0_is_plain_and_none_may_transform_it(pusher: Pusher) -> None:
    answer = await raw_answer(pusher, stream_request("1.0"), b"event: heartbeat")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert b"cache-control: no-store, no-transform" in head.lower()
    assert body.startswith(b"retry: ")
    assert b'\n\ndata: {"type":"welcome"' in body


async def test_the_last_event_ends_a_plain_stream(pusher: Pusher) -> None:
    reading = asyncio.create_task(raw_answer(pusher, stream_request("1.0"), b"never"))
    await wait_until(lambda: bool(pusher.engine.sessions), 10, "a session")
    pusher.engine.drain.begin()
    answer = await reading
    assert answer.rstrip().split(b"\n\n")[-1].startswith(b"event: close\ndata: ")


async def test_http_1_1_keeps_its_chunks(pusher: Pusher) -> None:
    answer = await raw_answer(pusher, stream_request("1.1", "Host: x"), b"event: heartbeat")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert int(body.partition(b"\r\n")[0], 16) > 0


async def test_an_upgrade_of_http_1_0_is_none(pusher: Pusher) -> None:
    lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    request = f"GET /v1/live HTTP/1.0\r\nHost: x\r\n{lines}\r\n".encode()
    answer = await raw_answer(pusher, request, b"never")
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"transfer-encoding" not in answer.lower()
