"""Opens the resources once, hands them to all three services, serves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from clarion.bus import migrate_bus
from clarion.errors import BusUnavailable
from clarion.lifecycle.serving import serve
from clarion.resources import open_bus_from, open_database
from clarion.store.embedded import is_embedded
from clarion.store.migrate import migrate
from clarion.telemetry.logs import configure_logs
from services.cli.database import readable_errors
from services.cli.dev.compose import ComposedApp
from services.cli.dev.data import locked
from services.cli.dev.demo_key import KEY
from services.cli.dev.pages import create_pages
from services.cli.dev.settings import DevSettings
from services.gateway.app import create_app as create_gateway
from services.notifier.app import create_app as create_notifier
from services.pusher.app import create_app as create_pusher
from services.pusher.sockets.websocket import LiveProtocol


async def serve_all(settings: DevSettings, on_started: Callable[[int], None]) -> None:
    """Serve until a signal, then shut down gracefully; `on_started` gets the port."""
    shared = settings.gateway
    configure_logs(shared.log_level, settings.log_format, "dev")
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(Path(shared.data_dir)))
        async with readable_errors():
            if not is_embedded(shared.database_url):
                await migrate(shared.database_url)
            database = await stack.enter_async_context(open_database(shared, "clarion-dev"))
        with suppress(BusUnavailable):  # the bus goes on trying
            await migrate_bus(shared.amqp_url)
        bus = await stack.enter_async_context(open_bus_from(shared))
        app = ComposedApp(
            {
                "pusher": create_pusher(settings.pusher, bus=bus, database=database),
                "notifier": create_notifier(settings.notifier, bus=bus, database=database),
                "gateway": create_gateway(
                    settings.gateway,
                    bus=bus,
                    database=database,
                    own_keys={settings.demo_key: KEY},
                ),
            },
            create_pages(),
        )
        await serve(
            app,
            host=shared.host,
            port=shared.port,
            ws=LiveProtocol,
            shutdown_timeout_s=shared.shutdown_timeout_s,
            access_log=shared.access_log,
            on_started=on_started,
            find_fault=lambda: bus.status().lost,
        )
