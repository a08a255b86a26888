"""What one tenant, one key or one address may take from the others: a share, and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import pytest
import uvicorn

from clarion.bus.protocol import Bus
from clarion.lifecycle import bounded_http
from clarion.lifecycle.bounded_http import BoundedHttp
from clarion.store.database import Database
from clarion.tokens.api_keys import new_api_key
from services.gateway.app import create_app
from services.gateway.front.bad_keys import BAD_KEYS_AT_ONCE
from testbed.processes import free_port, wait_until
from tests.support.gateway import gateway_client, make_key, settings_of

MIB = 1024**2
EVENT = {"type": "order.shipped", "to": "user:42"}


@asynccontextmanager
async def served(bus: Bus, database: Database) -> AsyncIterator[int]:
    """The port of a gateway behind the server that the services use."""
    port = free_port()
    app = create_app(settings_of(), bus=bus, database=database)
    config = uvicorn.Config(app, port=port, http=BoundedHttp, log_config=None, ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started, 15, "a started server")
    try:
        yield port
    finally:
        server.should_exit = True
        await task


class SlowUpload:
    """A request whose body is begun and not finished."""

    def __init__(self, port: int, key: str, *, sent: int, path: str = "/v1/events") -> None:
        self._port = port
        self._sent = sent
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {sent + 1000}\r\n\r\n"
        ).encode()

    async def __aenter__(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._head + b" " * self._sent)
        await self._writer.drain()
        return reader

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()


async def post(port: int, key: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        headers = {"authorization": f"Bearer {key}"}
        return await client.post(f"http://127.0.0.1:{port}/v1/events", json=EVENT, headers=headers)


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and all that follows, up to the end of the connection."""
    async with asyncio.timeout(15):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    return int(head.split()[1]), head + body


async def test_slow_uploads_of_one_tenant_leave_room_for_the_others(
    memory_bus: Bus, database: Database
) -> None:
    greedy = await make_key(database, tenant="greedy")
    good = await make_key(database, tenant="good")
    async with served(memory_bus, database) as port, AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(SlowUpload(port, greedy, sent=MIB - 2000))
            for _ in range(80)
        ]
        answers = [asyncio.create_task(answer_of(one)) for one in readers]
        async with asyncio.timeout(30):
            await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        statuses = [(await post(port, good)).status_code for _ in range(20)]
        said = [one.result() for one in answers if one.done()]
        for one in answers:
            one.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
    assert statuses == [202] * 20
    assert {status for status, _ in said} <= {429, 408}
    assert any(b"tenant_share_used_up" in text and b"retry-after: 1" in text for _, text in said)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/topics/x/subscribers/42"])
async def test_an_upload_slower_than_the_least_is_ended(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bounded_http, "PACE_WINDOW_S", 0.2)
    key = await make_key(database)
    async with served(memory_bus, database) as port:
        async with SlowUpload(port, key, sent=10, path=path) as reader:
            status, _ = await answer_of(reader)
        async with httpx2.AsyncClient(trust_env=False) as client:

            async def is_empty() -> bool:
                metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                return "clarion_gateway_waiting_bytes 0.0" in metrics.splitlines()

            await wait_until(is_empty, 10, "the room given back")
    assert status == 408


async def test_an_upload_that_goes_on_is_taken(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "PACE_WINDOW_S", 0.1)
    monkeypatch.setattr(bounded_http, "MIN_BODY_BYTES_PER_S", 1)
    key = await make_key(database)
    body = json.dumps(EVENT).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Connection: close\r\nContent-Length: {len(body) + 8}\r\n\r\n"
    )
    async with served(memory_bus, database) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        for _ in range(8):
            writer.write(b" ")
            await asyncio.sleep(0.05)  # slow on purpose: several windows pass
        writer.write(body)
        assert (await answer_of(reader))[0] == 202
        writer.close()


async def test_a_body_without_a_key_is_not_waited_for(memory_bus: Bus, database: Database) -> None:
    async with (
        served(memory_bus, database) as port,
        SlowUpload(port, new_api_key(), sent=10) as reader,
    ):
        status, text = await answer_of(reader)
    assert (status, b"connection: close" in text) == (401, True)


async def test_a_key_past_its_rate_is_429_and_another_is_not(
    memory_bus: Bus, database: Database
) -> None:
    first, second = await make_key(database), await make_key(database)
    async with gateway_client(memory_bus, database, max_requests_per_s=1) as client:

        async def send(key: str, path: str = "/v1/events") -> httpx2.Response:
            headers = {"authorization": f"Bearer {key}"}
            if path == "/v1/events":
                return await client.post(path, json=EVENT, headers=headers)
            return await client.get(path, headers=headers)

        taken = await send(first)
        listed = await send(first, "/v1/topics")
        refused = [await send(first), await send(first, "/v1/topics")]
        other = await send(second)
    assert (taken.status_code, listed.status_code, other.status_code) == (202, 200, 202)
    assert (
        taken.headers["ratelimit-policy"] == listed.headers["ratelimit-policy"] == '"key";q=2;w=2'
    )
    assert (taken.headers["ratelimit"], listed.headers["ratelimit"][:9]) == (
        '"key";r=1;t=1',
        '"key";r=0',
    )
    for one in refused:
        assert (one.status_code, one.json()["code"]) == (429, "too_many_requests")
        assert one.headers["retry-after"] == "1"
        assert one.headers["ratelimit"].startswith('"key";r=0')


async def test_a_flood_of_bad_keys_is_bounded_by_address_and_good_keys_go_on(
    memory_bus: Bus, database: Database
) -> None:
    good = await make_key(database)
    async with gateway_client(memory_bus, database) as client:

        async def status(key: str) -> int:
            answer = await client.get("/v1/topics", headers={"authorization": f"Bearer {key}"})
            return answer.status_code

        assert await status(good) == 200
        bad = [await status("clr_wrong") for _ in range(BAD_KEYS_AT_ONCE + 100)]
        assert set(bad) == {401, 429}
        assert await status(good) == 200
        metrics = (await client.get("/metrics")).text
    assert 'clarion_gateway_bad_keys_total{code="key_invalid"}' in metrics
