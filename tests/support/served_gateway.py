"""A gateway that answers at a port, in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from clarion.bus import Bus
from clarion.lifecycle import open_listener
from clarion.lifecycle.bounded_http import BoundedHttp
from clarion.store.database import Database
from services.gateway.app import create_app
from testbed.processes import wait_until
from tests.support.gateway import settings_of
from tests.support.pusher import Server


@asynccontextmanager
async def running_gateway(bus: Bus, database: Database) -> AsyncIterator[int]:
    """Its port."""
    with open_listener("127.0.0.1", 0) as listener:
        app = create_app(settings_of(), bus=bus, database=database)
        server = Server(uvicorn.Config(app, http=BoundedHttp, lifespan="on", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started or serving.done(), 10, "a started gateway")
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving
