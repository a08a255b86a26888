"""The one place that opens a database and a bus from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from clarion.bus import open_bus
from clarion.bus.protocol import Bus
from clarion.settings import SharedSettings
from clarion.store.database import Database
from clarion.store.embedded import embedded_postgres, is_embedded


@asynccontextmanager
async def database_address(settings: SharedSettings) -> AsyncIterator[str]:
    """The database's URL; starts (or joins) and migrates the embedded server if that is asked."""
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if is_embedded(url):
            from clarion.store.migrate import migrate  # a hundred modules that few need

            url = await stack.enter_async_context(embedded_postgres(Path(settings.data_dir)))
            await migrate(url)
        yield url


@asynccontextmanager
async def open_database(settings: SharedSettings, application_name: str) -> AsyncIterator[Database]:
    """A pool, closed at exit. A database given by URL is expected to be migrated."""
    async with database_address(settings) as url:
        database = Database(
            url,
            pool_size=settings.database_pool_size,
            timeout_s=settings.database_timeout_s,
            application_name=application_name,
            pooler=settings.database_pooler,
            direct_url=settings.database_direct_url,
        )
        try:
            yield database
        finally:
            await database.close()


@asynccontextmanager
async def open_bus_from(settings: SharedSettings) -> AsyncIterator[Bus]:
    """A started bus, closed at exit."""
    bus = open_bus(
        settings.amqp_url,
        publish_timeout_s=settings.publish_timeout_s,
        frame_tap=settings.amqp_frame_tap,
    )
    try:
        await bus.start()
        yield bus
    finally:
        await bus.close()
