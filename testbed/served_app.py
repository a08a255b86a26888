"""An ASGI application that answers at a port of this machine, in the loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from clarion.lifecycle.serving import open_listener
from testbed.processes import wait_until


class Server(uvicorn.Server):
    """Leaves the signals of the test run alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def served_app(app: ASGIApp, **options: Any) -> AsyncIterator[int]:
    """The port it answers at until the end of the block; `options` as for `uvicorn.Config`."""
    options.setdefault("lifespan", "off")
    with open_listener("127.0.0.1", 0) as listener:
        server = Server(uvicorn.Config(app, log_config=None, **options))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await wait_until(lambda: server.started or serving.done(), 10, "a started server")
            if serving.done():
                serving.result()
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving
