"""A pusher served by uvicorn within the test's own loop, and clients for it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection

from clarion.bus import Bus
from clarion.lifecycle.bounded_http import BoundedHttp
from clarion.lifecycle.serving import open_listener
from clarion.store.database import Database
from clarion.tokens.subscriber import mint_token
from services.pusher.app import create_app
from services.pusher.engine import Engine
from services.pusher.settings import PusherSettings
from services.pusher.sockets.websocket import LiveProtocol
from testbed.processes import wait_until
from testbed.served_app import Server
from tests.support.inbox_writer import TENANT

SECRET = "a-secret-of-the-tests-0123456789-0123456789"
Frame = dict[str, Any]


class Served:
    """A pusher that answers at a port of this machine, wherever it runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.http = f"http://127.0.0.1:{port}"
        self.url = f"ws://127.0.0.1:{port}/v1/live"

    @asynccontextmanager
    async def connect(
        self, subscriber: str | None = None, *, query: str = "", **options: Any
    ) -> AsyncIterator[Client]:
        """A socket; with a token in the header where a subscriber is named."""
        if subscriber is not None:
            options["additional_headers"] = {"Authorization": f"Bearer {token(subscriber)}"}
        options = {"compression": None, "max_size": None} | options
        async with websockets.connect(self.url + query, **options) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def feed(self, subscriber: str, since: int | None = None) -> AsyncIterator[Client]:
        """A socket that has caught up; what came before is in `client.past`."""
        async with self.connect(subscriber) as client:
            await client.hello(since)
            client.past = await client.until("caught_up")
            yield client


class Pusher(Served):
    """One that runs here."""

    def __init__(self, server: Server, port: int, engine: Engine) -> None:
        super().__init__(port)
        self.server = server
        self.engine = engine


class Client:
    """A plain `websockets` client that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.past: list[Frame] = []

    async def send(self, frame: Frame) -> None:
        """One frame."""
        await self.connection.send(json.dumps(frame))

    async def hello(self, since: int | None = None, **more: Any) -> None:
        """Ask for the feed."""
        await self.send({"type": "hello"} | ({} if since is None else {"since": since}) | more)

    async def next(self, timeout_s: float = 10) -> Frame:
        """The next frame."""
        async with asyncio.timeout(timeout_s):
            return json.loads(await self.connection.recv())

    async def until(self, kind: str, timeout_s: float = 10) -> list[Frame]:
        """All frames up to the next of this type, which is the last."""
        frames: list[Frame] = []
        async with asyncio.timeout(timeout_s):
            while not frames or frames[-1]["type"] != kind:
                frames.append(json.loads(await self.connection.recv()))
        return frames

    async def closed(self, timeout_s: float = 10) -> tuple[int | None, str | None]:
        """The close code and reason, once the server has closed."""
        async with asyncio.timeout(timeout_s):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


def token(
    subscriber: str,
    *,
    tenant: str = TENANT,
    ttl_s: int = 600,
    now: float | None = None,
    publish: Sequence[str] = (),
) -> str:
    """A token of the tests' secret."""
    return mint_token(
        SECRET, tenant=tenant, subscriber=subscriber, ttl_s=ttl_s, now=now, publish=publish
    )[0]


@asynccontextmanager
async def running_pusher(
    bus: Bus, database: Database, *, send_buffer_bytes: int = 0, **settings: Any
) -> AsyncIterator[Pusher]:
    """Serve a pusher on a free port; drained at the end. With `send_buffer_bytes` the kernel keeps
    no more for a reader that stalls."""
    chosen: dict[str, Any] = {"token_secret": SECRET, "shutdown_timeout_s": 4} | settings
    app = create_app(PusherSettings(**chosen), bus=bus, database=database)
    with open_listener("127.0.0.1", 0) as listener:
        if send_buffer_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        config = uvicorn.Config(
            app,
            http=BoundedHttp,
            ws=LiveProtocol,
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await wait_until(lambda: server.started or serving.done(), 10, "a started pusher")
            if serving.done():
                serving.result()
            yield Pusher(server, listener.getsockname()[1], app.state.pusher)
        finally:
            server.should_exit = True
            await serving
