"""The process of the service."""

from __future__ import annotations

from clarion.lifecycle.workers import Worker
from clarion.service_process import serve_service
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings


async def main(worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `worker` is assigned by a supervisor."""
    await serve_service("gateway", GatewaySettings, create_app, worker=worker)
