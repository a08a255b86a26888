"""The nginx of `deploy/`: what it keeps for a client, how long it waits, what it repeats."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from services.gateway.settings import GatewaySettings
from services.pusher.settings import PusherSettings
from testbed import nginx
from testbed.nginx import NGINX, start_nginx
from testbed.processes import free_port, run_directory

CONFIG = (nginx.ROOT / "deploy/nginx/nginx.conf").read_text()
UNITS = {"": 1, "k": 1024, "m": 1024**2}
MIB = 1024**2

needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx is installed")


def sizes(directive: str) -> list[int]:
    found = re.findall(rf"^ +{directive} (\d+)([km]?);", CONFIG, re.MULTILINE)
    return [int(number) * UNITS[unit] for number, unit in found]


def test_bodies_have_the_bounds_of_the_services() -> None:
    whole, *of_the_pusher = sizes("client_max_body_size")
    assert whole == GatewaySettings.model_fields["max_body_bytes"].default
    assert set(of_the_pusher) == {PusherSettings.model_fields["max_frame_bytes"].default}


def test_it_waits_15_seconds_for_heads_and_bodies() -> None:
    assert re.findall(r"^ +client_(header|body)_timeout 15s;", CONFIG, re.MULTILINE) == [
        "header",
        "body",
    ]


class Upstream:
    """A service that says 200 to a GET, and reads no body of a POST until it is told to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies = 0
        self.hosts: list[bytes] = []
        self.go_on = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                self.bodies += 1
                await self.go_on.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Upstream]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            self.go_on.set()
            server.close()
            await asyncio.gather(*self._tasks)


@asynccontextmanager
async def fronted() -> AsyncIterator[tuple[int, Upstream]]:
    """The port of an nginx before an upstream that is both services."""
    async with Upstream().running() as upstream:
        port = free_port()
        async with await start_nginx(port, upstream.port, [upstream.port]):
            yield port, upstream


async def leave(writer: asyncio.StreamWriter) -> None:
    """Without another word."""
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@needs_nginx
@pytest.mark.parametrize("size", [MIB, 8 * MIB])
async def test_uploads_without_a_key_fill_no_files(size: int) -> None:
    async with fronted() as (port, _), contextlib.AsyncExitStack() as stack:
        for _ in range(12):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.push_async_callback(leave, writer)
            head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
            writer.write(head.encode() + b"x" * (size - 1))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await reader.read(1)
        held = [
            one.stat().st_size
            for folder in run_directory().glob(f"nginx-{port}-*")
            for one in folder.rglob("*")
            if folder.is_dir() and one.is_file()
        ]
    assert sum(held) == 0


@needs_nginx
async def test_a_body_that_stops_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter(monkeypatch, "client_body_timeout 15s", "client_body_timeout 1s")
    async with fronted() as (port, upstream):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert upstream.bodies <= 1
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


@needs_nginx
async def test_a_head_that_stops_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter(monkeypatch, "client_header_timeout 15s", "client_header_timeout 1s")
    async with fronted() as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
    assert b"200 OK" not in answer


@needs_nginx
async def test_requests_at_once_and_a_second_are_bounded_by_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shorter(monkeypatch, "rate=500r/s", "rate=1r/s", "burst=1000", "burst=3")
    async with fronted() as (port, _), httpx2.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/v1/notifications"
        answers = [await client.get(url) for _ in range(10)]
    refused = [one for one in answers if one.status_code != 200]
    assert {one.status_code for one in refused} == {429}
    assert {one.json()["code"] for one in refused} == {"too_many_requests"}
    assert {one.headers["retry-after"] for one in refused} == {"1"}


@needs_nginx
async def test_no_foreign_host_is_repeated() -> None:
    foreign = {"host": "evil.example"}
    async with fronted() as (port, _), httpx2.AsyncClient(trust_env=False) as client:
        for path in ("/web/demo", "/web", "/nothing", "/", "/web/client"):
            answer = await client.get(f"http://127.0.0.1:{port}{path}", headers=foreign)
            told = [*answer.headers.values(), answer.text]
            assert not any("evil.example" in one for one in told), path


def shorter(monkeypatch: pytest.MonkeyPatch, *changes: str) -> None:
    """The file with other numbers, so that a test need not wait for them."""
    made = nginx.configuration

    def changed(port: int, gateway: int, pushers: list[int]) -> str:
        text = made(port, gateway, pushers)
        for before, after in zip(changes[::2], changes[1::2], strict=True):
            assert before in text
            text = text.replace(before, after)
        return text

    monkeypatch.setattr(nginx, "configuration", changed)


def test_the_compose_file_mounts_it() -> None:
    compose = Path(nginx.ROOT / "docker-compose.yml").read_text()
    assert "./deploy/nginx/nginx.conf:/etc/nginx/nginx.conf:ro" in compose
