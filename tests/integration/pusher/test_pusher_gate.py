"""Junk costs nobody but its sender: those whose token holds are let in, whatever else comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import websockets

from clarion.bus import Bus
from clarion.http.client_address import UNKNOWN
from clarion.store.database import Database
from testbed.processes import wait_until
from tests.support.pusher import Pusher, running_pusher, token
from tests.support.raw_socket import upgrade_request

PER_S = 20


def _plain(pusher: Pusher) -> bytes:
    return upgrade_request(pusher)


def _replaced(old: bytes, new: bytes) -> Callable[[Pusher], bytes]:
    return lambda pusher: upgrade_request(pusher).replace(old, new)


def _with(*lines: str, path: str = "/v1/live") -> Callable[[Pusher], bytes]:
    return lambda pusher: upgrade_request(pusher, *lines, path=path)


def _stream(_: Pusher) -> bytes:
    return b"GET /v1/live/sse?token=forged HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


JUNK: dict[str, Callable[[Pusher], bytes]] = {
    "never says who it is": _plain,
    "another path": _with(path="/v1/other"),
    "another version": _replaced(b"Version: 13", b"Version: 12"),
    "no key": _replaced(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
    "forged token in the header": _with("Authorization: Bearer forged"),
    "forged token in the address": _with(path="/v1/live?token=forged"),
    "forged ticket": _with(path="/v1/live?ticket=tkt_forged"),
    "foreign origin": _with("Origin: https://evil.example"),
    "stream with a forged token": _stream,
}


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database, handshakes_per_s=PER_S) as running:
        yield running


async def status_of(pusher: Pusher, request: bytes) -> int:
    """That of the answer; the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    try:
        writer.write(request)
        line = await asyncio.wait_for(reader.readline(), 10)
    finally:
        writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("kind", JUNK)
async def test_a_token_that_holds_gets_in_however_much_junk_comes(
    pusher: Pusher, kind: str
) -> None:
    junk = JUNK[kind](pusher)
    for _ in range(3 * PER_S):
        await status_of(pusher, junk)
    async with pusher.feed("user-1") as client:
        assert client.past[-1]["type"] == "caught_up"
    headers = {"Authorization": f"Bearer {token('user-1')}"}
    async with (
        httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http,
        http.stream("GET", "/v1/live/sse") as stream,
    ):
        assert stream.status_code == 200


async def test_junk_of_an_address_is_429_and_shuts_out_no_other_handshake_of_it(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, handshakes_per_s=2) as pusher:
        bad = upgrade_request(pusher).replace(b"Version: 13", b"Version: 12")
        statuses = [await status_of(pusher, bad)]
        while statuses[-1] == 400 and len(statuses) < 1_000:
            statuses.append(await status_of(pusher, bad))
        assert (statuses[0], statuses[-1]) == (400, 429)
        async with pusher.connect() as client:
            await client.send({"type": "auth", "token": token("user-1"), "ref": 1})
            assert await client.next() == {"type": "ok", "ref": 1}


async def test_peers_on_unix_sockets_have_a_limit_of_their_own(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_pusher(
        memory_bus, database, max_sessions_unix=1, max_sessions_per_address=1
    ) as pusher:
        async with pusher.connect("user-1"):
            monkeypatch.setattr(pusher.engine, "address_of", _no_address)
            async with pusher.connect("user-1"):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await websockets.connect(pusher.url)
        assert refused.value.response.status_code == 429
        await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
        async with pusher.connect("user-1"):
            pass


def _no_address(_peer: object, _forwarded: object) -> str:
    """As for a peer on a Unix socket."""
    return UNKNOWN
