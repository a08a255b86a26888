"""The process of the service."""

from __future__ import annotations

from clarion.lifecycle.workers import Worker
from clarion.service_process import serve_service
from services.pusher.app import create_app
from services.pusher.settings import PusherSettings
from services.pusher.sockets.websocket import LiveProtocol


async def main(worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `worker` is assigned by a supervisor."""
    await serve_service("pusher", PusherSettings, create_app, worker=worker, ws=LiveProtocol)
