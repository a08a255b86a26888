"""The gateway behind the real HTTP server: bodies past the bound, slow bodies, stopping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.gateway.app import create_app
from testbed.processes import free_port, wait_until
from tests.support.gateway import KEY, Published, settings_of

HEAD = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"


@asynccontextmanager
async def served(bus: Bus, database: Database) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    port = free_port()
    app = create_app(settings_of(), bus=bus, database=database)
    config = uvicorn.Config(app, port=port, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started, 15, "a started server")
    try:
        yield port, server
    finally:
        server.should_exit = True
        await task


async def exchange(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes, then read one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await read_answer(reader)
    writer.close()
    await writer.wait_closed()
    return answer


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(15):
        status = int((await reader.readline()).split()[1])
        headers: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return status, headers, body


@pytest.mark.parametrize("announced", [True, False])
async def test_30_mb_are_refused_and_the_next_request_works(
    memory_bus: Bus, database: Database, announced: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(480):
            yield b"x" * 65_536

    content = b"x" * 31_457_280 if announced else pieces()
    async with (
        served(memory_bus, database) as (port, _),
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {KEY}"}
        ) as client,
    ):
        answer = await client.post("/v1/events", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert (await client.post("/v1/events", json={"type": "a"})).status_code == 202
    assert len(await Published(memory_bus).entries(1)) == 1


async def test_a_body_that_would_be_too_large_is_not_asked_for(
    memory_bus: Bus, database: Database
) -> None:
    length = "Content-Length: 31457280\r\n"
    async with served(memory_bus, database) as (port, _):
        request = f"{HEAD}{length}Expect: 100-continue\r\n\r\n".encode()
        status, headers, _body = await exchange(port, request)
    assert (status, headers["connection"]) == (413, "close")


async def test_a_good_body_is_asked_for(memory_bus: Bus, database: Database) -> None:
    body = b'{"type":"a","id":"1"}'
    head = f"{HEAD}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
    async with served(memory_bus, database) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        assert (await read_answer(reader))[0] == 100
        writer.write(body)
        status, _headers, answer = await read_answer(reader)
        writer.close()
        await writer.wait_closed()
    assert (status, json.loads(answer)["ids"]) == (202, ["1"])


async def test_requests_on_their_way_are_answered_when_the_gateway_stops(
    memory_bus: Bus, database: Database
) -> None:
    body = b'{"type":"a","id":"1"}'
    head = f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode()
    async with served(memory_bus, database) as (port, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body[:5])
        await wait_until(lambda: server.server_state.tasks, 15, "a request on its way")
        server.should_exit = True
        writer.write(body[5:])
        assert (await read_answer(reader))[0] == 202
        writer.close()
        await writer.wait_closed()
    assert [entry.id for entry in await Published(memory_bus).entries(1)] == ["1"]


async def test_a_client_that_leaves_gives_its_room_back(
    memory_bus: Bus, database: Database
) -> None:
    head = f"{HEAD}Content-Length: 500000\r\n\r\n".encode()
    async with served(memory_bus, database) as (port, server):
        for _ in range(3):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + b"x" * 100_000)
            await wait_until(lambda: server.server_state.tasks, 15, "a request on its way")
            writer.transport.abort()
            await wait_until(lambda: not server.server_state.tasks, 15, "its end")
        async with httpx2.AsyncClient() as client:
            metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert "clarion_gateway_waiting_bytes 0.0" in metrics.splitlines()
