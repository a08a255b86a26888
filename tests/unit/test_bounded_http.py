"""What a server keeps of a request that does not come to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from clarion.lifecycle import bounded_http
from clarion.lifecycle.bounded_http import MAX_KEPT_BYTES, BoundedHttp
from clarion.lifecycle.serving import open_listener
from testbed.processes import wait_until
from tests.support.pusher import Server

GOOD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n1234"
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@asynccontextmanager
async def serving(app: Starlette, **options: Any) -> AsyncIterator[int]:
    """The port of a server."""
    with open_listener("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, http=BoundedHttp, log_config=None, access_log=False, **options)
        server = Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started, 10, "a started server")
        yield listener.getsockname()[1]
        server.should_exit = True
        await running


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(Starlette(routes=[Route("/", length, methods=["POST"])])) as port:
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answers(port: int, *pieces: bytes) -> bytes:
    """All that the server says to these, until it closes."""
    async with connected(port) as (reader, writer), asyncio.timeout(10):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b"reset"


@pytest.mark.parametrize(
    "begin",
    [
        HEAD + b"x: ",
        b"POST /",
        CHUNKED + b"4\r\n1234\r\n0\r\nx: ",
        CHUNKED + b"4;",
    ],
    ids=["header", "address", "trailer", "chunk extension"],
)
async def test_what_never_ends_is_not_kept(port: int, begin: bytes) -> None:
    sent = 0
    async with connected(port) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            writer.write(begin)
            while sent < 40 * MAX_KEPT_BYTES and not reader.at_eof():
                writer.write(b"y" * 8192)
                sent += 8192
                await writer.drain()
                await asyncio.sleep(0)
    assert sent < 40 * MAX_KEPT_BYTES
    assert b"200 OK" in await answers(port, GOOD.replace(b"Host", b"Connection: close\r\nHost"))


async def test_a_head_past_the_bound_is_431(port: int) -> None:
    half = b"x: " + b"y" * (MAX_KEPT_BYTES // 2)
    said = await answers(port, HEAD, half, half, half + b"\r\n")
    assert said == b"reset" or said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"no HTTP at all\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
        (HEAD, 408, "request_timeout"),
        (HEAD + b"Content-Length: 9\r\n\r\n1", 408, "body_timeout"),
    ],
    ids=["no HTTP", "bad chunk", "half a head", "half a body"],
)
async def test_a_refusal_is_a_problem_whose_trace_leads_to_a_log_line(
    port: int, monkeypatch: pytest.MonkeyPatch, request_: bytes, status: int, code: str
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_TIMEOUT_S", 0.05)
    monkeypatch.setattr(bounded_http, "PACE_WINDOW_S", 0.05)
    with structlog.testing.capture_logs() as lines:
        said = await answers(port, request_)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    (line,) = [one for one in lines if one["event"] == "request_refused"]
    assert (line["log_level"], line["status"], line["code"]) == ("info", status, code)
    assert line["trace_id"] == problem["trace_id"]


async def test_bodies_may_be_longer_than_heads(port: int) -> None:
    size = 20 * MAX_KEPT_BYTES
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert (await answers(port, head, b"z" * size)).endswith(b"\r\n\r\n%d" % size)


async def test_many_requests_on_one_connection_are_no_long_head(port: int) -> None:
    last = GOOD.replace(b"Host", b"Connection: close\r\nHost")
    said = await answers(port, *([GOOD[:30], GOOD[30:] + GOOD] * 1500), last)
    assert said.count(b"200 OK") == 3001


@pytest.mark.parametrize("begin", [b"", HEAD], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_408(
    port: int, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_TIMEOUT_S", 0.05)
    assert (await answers(port, begin)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_half_a_head_after_an_answer_is_408(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_TIMEOUT_S", 0.05)
    said = await answers(port, GOOD + HEAD)
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 408 Request Timeout" in said


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Upgraded(asyncio.Protocol):
    """Takes a connection over and says so."""

    def __init__(self, **_: object) -> None:
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(b"upgraded")
        self._transport.close()


@pytest.mark.parametrize("behind", [b"", b"more that is never read"])
@pytest.mark.parametrize("before", [0, 1, 3])
async def test_an_upgrade_behind_requests_that_are_still_answered_is_refused_after_them(
    before: int, behind: bytes
) -> None:
    app = Starlette(routes=[Route("/", length, methods=["POST"])])
    async with serving(app, ws=Upgraded) as port:
        told = await answers(port, GOOD * before + UPGRADE + behind)
    heads = [one.split(b"\r\n")[0] for one in told.split(b"HTTP/1.1 ")[1:]]
    if before:
        assert heads == [*[b"200 OK"] * before, b"400 Bad Request"]
        assert b"upgraded" not in told
    else:
        assert told == b"upgraded"


async def parts(_request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b""
        yield b"two"

    return StreamingResponse(body(), media_type="text/plain")


async def nothing(_request: Request) -> Response:
    return Response(status_code=204)


@pytest.fixture
async def streaming_port() -> AsyncIterator[int]:
    routes = [Route("/", parts), Route("/whole", length), Route("/nothing", nothing)]
    async with serving(Starlette(routes=routes)) as port:
        yield port


async def answer_to(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of all that came until the server ended the connection."""
    async with connected(port) as (reader, writer):
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n", b"Host: x\r\n"])
async def test_http_1_0_gets_no_chunks_and_the_end_of_the_connection(
    streaming_port: int, more: bytes
) -> None:
    head, body = await answer_to(streaming_port, b"GET / HTTP/1.0\r\n" + more + b"\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"onetwo"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"HEAD /", b""),
        (b"GET /nothing", b""),
        (b"GET /whole", b"0"),
        (b"GET /missing", b"Not Found"),
    ],
)
async def test_http_1_0_gets_every_answer_whole(
    streaming_port: int, line: bytes, expected: bytes
) -> None:
    head, body = await answer_to(streaming_port, line + b" HTTP/1.0\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == expected


async def test_http_1_1_still_gets_chunks(streaming_port: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, body = await answer_to(streaming_port, request)
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
