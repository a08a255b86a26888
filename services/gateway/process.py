"""The process of the service: reads the environment, opens resources, serves."""

from __future__ import annotations

from clarion.lifecycle.serving import serve
from clarion.lifecycle.workers import Worker
from clarion.resources import open_bus_from, open_database
from clarion.setting_names import ALL_NAMES
from clarion.settings import require_broker
from clarion.telemetry.logs import configure_logs
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings


async def main(worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `worker` is assigned by a supervisor."""
    settings = GatewaySettings.read(ALL_NAMES)
    require_broker(settings)
    configure_logs(settings.log_level, settings.log_format, "gateway")
    async with (
        open_database(settings, "clarion-gateway") as database,
        open_bus_from(settings) as bus,
    ):
        await serve(
            create_app(settings, bus=bus, database=database),
            host=settings.host,
            port=settings.port,
            worker=worker,
            shutdown_timeout_s=settings.shutdown_timeout_s,
            access_log=settings.access_log,
            find_fault=lambda: bus.status().lost,
        )
