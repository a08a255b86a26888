"""The process of the service."""

from __future__ import annotations

from clarion.lifecycle.workers import Worker
from clarion.service_process import serve_service
from services.notifier.app import create_app
from services.notifier.settings import NotifierSettings


async def main(worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `worker` is assigned by a supervisor."""
    await serve_service("notifier", NotifierSettings, create_app, worker=worker)
