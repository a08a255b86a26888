"""A gateway that answers at a port, in the loop of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clarion.bus import Bus
from clarion.lifecycle.bounded_http import BoundedHttp
from clarion.store.database import Database
from services.gateway.app import create_app
from testbed.served_app import served_app
from tests.support.gateway import settings_of


@asynccontextmanager
async def running_gateway(bus: Bus, database: Database) -> AsyncIterator[int]:
    """Its port."""
    app = create_app(settings_of(), bus=bus, database=database)
    async with served_app(app, http=BoundedHttp, lifespan="on") as port:
        yield port
