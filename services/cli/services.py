"""`clarion gateway`, `clarion notifier`, `clarion pusher`: one service, some processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.lifecycle.event_loop import run
from clarion.setting_names import ALL_NAMES, PREFIX

if TYPE_CHECKING:
    from clarion.settings import SharedSettings

Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: CLARION_HOST.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port. Default: CLARION_PORT; 0 picks a free one."),
]
Workers = Annotated[
    int,
    typer.Option(min=1, max=64, help="Number of processes sharing the port; one per core is best."),
]


def gateway(host: Host = None, port: Port = None, workers: Workers = 1) -> None:
    """Accept events and serve the API for services and admins (API keys)."""
    export_options(host, port)
    if workers == 1:
        from services.gateway.process import main

        run(main)
    else:
        from services.gateway.settings import GatewaySettings

        run_workers("services.gateway", GatewaySettings.read(ALL_NAMES), workers)


def notifier(host: Host = None, port: Port = None, workers: Workers = 1) -> None:
    """Turn events into notifications and send them. The port is for health and metrics."""
    export_options(host, port)
    if workers == 1:
        from services.notifier.process import main

        run(main)
    else:
        from services.notifier.settings import NotifierSettings

        run_workers("services.notifier", NotifierSettings.read(ALL_NAMES), workers)


def pusher(host: Host = None, port: Port = None, workers: Workers = 1) -> None:
    """Serve live feeds and inboxes to subscribers (tokens)."""
    export_options(host, port)
    if workers == 1:
        from services.pusher.process import main

        run(main)
    else:
        from services.pusher.settings import PusherSettings

        run_workers("services.pusher", PusherSettings.read(ALL_NAMES), workers)


def export_options(host: str | None, port: int | None) -> None:
    """Put the options into the environment of this process and its children."""
    if host is not None:
        os.environ[PREFIX + "HOST"] = host
    if port is not None:
        os.environ[PREFIX + "PORT"] = str(port)


def run_workers(module: str, settings: SharedSettings, workers: int) -> None:
    """Run `workers` processes of a service under a supervisor."""
    from clarion.settings import require_broker
    from services.cli.supervisor import supervise

    require_broker(settings)
    run(lambda: supervise(module, settings, workers))
