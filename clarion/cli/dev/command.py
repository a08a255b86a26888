"""The command itself, and what it prints."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.credentials import data_directory
from clarion.cli.dev.addresses import is_loopback
from clarion.lifecycle import run
from clarion.setting_names import PREFIX

if TYPE_CHECKING:
    from services.gateway.settings import GatewaySettings

FIRST_EVENT = {
    "type": "order.shipped",
    "to": {"id": "ada", "email": "ada@example.com", "phone": "+447700900123"},
    "content": {"title": "Your order is on its way", "body": "It arrives tomorrow."},
    "channels": ["inbox", "email", "sms"],
}


def dev(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Else CLARION_PORT, else 8000. 0 takes any free one."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Where to listen; else CLARION_HOST, else 127.0.0.1.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where everything is kept; else CLARION_DATA_DIR.")
    ] = None,
    amqp: Annotated[
        str | None, typer.Option(metavar="URL", help="A RabbitMQ; else a broker in memory.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="A PostgreSQL; else an embedded one.")
    ] = None,
) -> None:
    """Run everything in one process on one port, in the foreground, until Ctrl-C.

    Needs nothing: PostgreSQL is embedded and the broker lives in memory, unless you give yours.
    """
    from clarion.cli.dev.serving import serve_all
    from clarion.cli.dev.settings import read_settings

    directory = data or data_directory()
    settings = read_settings(
        directory, host=host, port=port, amqp_url=amqp or None, database_url=database or None
    )

    def greet(port: int) -> None:
        typer.echo(greeting(settings.gateway, port))

    run(lambda: serve_all(settings, greet))


def greeting(settings: GatewaySettings, port: int) -> str:
    """What to open and what to paste."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104 - only compared
    lines = [
        "",
        f"Clarion runs at {url}",
        f"Open {url}/ and send an event, or paste:",
        "",
        curl_line(url, settings.api_key or ""),
        "",
        f"Data: {settings.data_dir}. Stop with Ctrl-C.",
    ]
    if any(one.startswith("memory:") for one in settings.amqp_url):
        lines.append("The broker is in memory: what is under way ends with this process.")
    elsewhere = environment_for(settings, port)
    if elsewhere:
        lines.append(f"For `clarion` in another terminal: export {elsewhere}")
    if not is_loopback(settings.host):
        lines.append("Others can reach this address, so the demo page gets no key there.")
    return "\n".join(lines) + "\n"


def environment_for(settings: GatewaySettings, port: int) -> str:
    """What `emit`, `watch` and the like need to find this system; empty where they find it."""
    given = {"PORT": str(port), "DATA_DIR": settings.data_dir}
    usual = {"PORT": "8000", "DATA_DIR": ".clarion"}
    return " ".join(
        f"{PREFIX}{name}={shlex.quote(value)}"
        for name, value in given.items()
        if value != usual[name]
    )


def curl_line(url: str, api_key: str) -> str:
    """One line that sends an event to subscriber `ada`."""
    body = json.dumps(FIRST_EVENT, separators=(",", ":"))
    return (
        f"curl -sS {url}/v1/events -H 'Authorization: Bearer {api_key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
