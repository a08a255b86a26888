"""The process of a service: opens what the settings name, and serves until it is stopped."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from starlette.types import ASGIApp

from clarion.bus.protocol import Bus
from clarion.lifecycle.serving import serve
from clarion.lifecycle.workers import Worker
from clarion.resources import open_bus_from, open_database
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings, require_broker
from clarion.store.database import Database
from clarion.telemetry.logs import configure_logs

Settings = TypeVar("Settings", bound=SharedSettings, contravariant=True)


class CreateApp(Protocol[Settings]):
    """The composition root of a service: its app on resources that are already open."""

    def __call__(self, settings: Settings, /, *, bus: Bus, database: Database) -> ASGIApp: ...


async def serve_service(
    name: str,
    settings_class: type[Settings],
    create_app: CreateApp[Settings],
    *,
    worker: Worker | None,
    ws: type[asyncio.Protocol] | str = "none",
) -> None:
    """Read the environment and serve until SIGTERM or SIGINT; `worker` is assigned by a supervisor.

    Raises `ConfigurationError`, also for a broker in memory, and `Broken` for a fault of the
    broker connection that only a new process may repair.
    """
    settings = settings_class.read(ALL_NAMES)
    require_broker(settings)
    configure_logs(settings.log_level, settings.log_format, name)
    async with (
        open_database(settings, f"clarion-{name}") as database,
        open_bus_from(settings) as bus,
    ):
        await serve(
            create_app(settings, bus=bus, database=database),
            host=settings.host,
            port=settings.port,
            worker=worker,
            ws=ws,
            shutdown_timeout_s=settings.shutdown_timeout_s,
            access_log=settings.access_log,
            find_fault=lambda: bus.status().lost,
        )
