"""The bus over TLS, which ends at something before the broker."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from clarion.bus import Message
from clarion.topology import EVENTS, LIVE, LIVE_ALL
from tests.support.bus import NORMAL, opened, ready, take

LONG = "long " * 100_000
"""In more frames than one."""


@asynccontextmanager
async def ended_tls(chain: Path, port: int) -> AsyncIterator[int]:
    """A port that speaks TLS and hands on what it reads."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    async with asyncio.TaskGroup() as group:

        async def serve(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
            far_in, far_out = await asyncio.open_connection("127.0.0.1", port)
            group.create_task(pump(near_in, far_out))
            group.create_task(pump(far_in, near_out))

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            yield server.sockets[0].getsockname()[1]


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until its end."""
    try:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


async def test_an_unknown_authority_is_called_a_matter_of_the_certificate(
    amqp_url: str, tmp_path: Path
) -> None:
    chain = tmp_path / "server.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    plain = urlsplit(amqp_url)
    async with ended_tls(chain, plain.port or 0) as port:
        place = f"{plain.username}:{plain.password}@127.0.0.1:{port}"
        async with opened(plain._replace(scheme="amqps", netloc=place).geturl()) as bus:
            detail = bus.status().detail
    assert "certificate" in detail
    assert "?cafile=" in detail


@pytest.mark.parametrize("exchange", [EVENTS, LIVE])
async def test_messages_of_any_length_come_whole(
    amqp_url: str, tmp_path: Path, exchange: str
) -> None:
    authority = trustme.CA()
    bundle, chain = tmp_path / "authority.pem", tmp_path / "server.pem"
    authority.cert_pem.write_to_path(str(bundle))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
    plain = urlsplit(amqp_url)
    bodies = ["short", LONG, "", "last"]
    async with ended_tls(chain, plain.port or 0) as port:
        secure = plain._replace(
            scheme="amqps", netloc=f"{plain.username}:{plain.password}@127.0.0.1:{port}"
        ).geturl()
        async with opened(f"{secure}?cafile={bundle}") as bus:
            live = bus.listen([LIVE_ALL])
            work = bus.subscribe(NORMAL, prefetch=10)
            await ready(bus)
            key = LIVE_ALL if exchange == LIVE else "normal"
            for body in bodies:
                await bus.publish(exchange, key, Message(body.encode(), "text/plain"))
            got = await take(live if exchange == LIVE else work, len(bodies))
            assert [(one.body.decode(), one.content_type) for one in got] == [
                (body, "text/plain") for body in bodies
            ]
