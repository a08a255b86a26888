"""The command itself, and what it prints."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.lifecycle.event_loop import run
from clarion.setting_names import PREFIX
from services.cli.credentials import data_directory

if TYPE_CHECKING:
    from services.cli.dev.settings import DevSettings
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
        typer.Option(
            min=0, max=65535, help="Port. Default: CLARION_PORT, else 8000; 0 picks a free one."
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Default: CLARION_HOST, else 127.0.0.1."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data directory. Default: CLARION_DATA_DIR.")
    ] = None,
    amqp: Annotated[
        str | None,
        typer.Option(metavar="URL", help="URL of a RabbitMQ. Default: a broker in memory."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="URL of a PostgreSQL. Default: an embedded one."),
    ] = None,
) -> None:
    """Run everything in one process on one port, in the foreground, until Ctrl-C.

    Works out of the box: PostgreSQL is embedded and the broker is in memory, unless you give yours.
    """
    from services.cli.dev.serving import serve_all
    from services.cli.dev.settings import read_settings

    directory = data or data_directory()
    settings = read_settings(
        directory, host=host, port=port, amqp_url=amqp or None, database_url=database or None
    )

    def greet(port: int) -> None:
        typer.echo(greeting(settings, port, on_terminal=sys.stdout.isatty()))

    run(lambda: serve_all(settings, greet))


def greeting(dev_settings: DevSettings, port: int, *, on_terminal: bool) -> str:
    """The addresses to open and the lines to paste. Keys are shown on a terminal only: elsewhere
    this is a log, and says where they are."""
    settings = dev_settings.gateway
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104 - only compared
    kept_in = dev_settings.api_key_file
    if on_terminal:
        key, page = settings.api_key or "", f"{url}/#key={dev_settings.demo_key}"
    elif kept_in is not None:
        key, page = f"$(cat {shlex.quote(str(kept_in))})", f"{url}/"
    else:
        key, page = f"${PREFIX}API_KEY", f"{url}/"
    lines = [
        "",
        f"Clarion runs at {url}",
        f"Open {page} and send an event, or paste:",
        "",
        curl_line(
            url,
            shlex.quote(f"Authorization: Bearer {key}")
            if on_terminal
            else f'"Authorization: Bearer {key}"',
        ),
        "",
        f"Data: {settings.data_dir}. Stop with Ctrl-C.",
    ]
    if not on_terminal:
        lines.append(f"The API key, for the page too, is in {kept_in or PREFIX + 'API_KEY'}.")
    if any(one.startswith("memory:") for one in settings.amqp_url):
        lines.append("The broker is in memory: what is under way ends with this process.")
    elsewhere = environment_for(settings, port)
    if elsewhere:
        lines.append(f"For `clarion` in another terminal: export {elsewhere}")
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


def curl_line(url: str, authorization: str) -> str:
    """One line that sends an event to subscriber `ada`; the header is quoted for a shell."""
    body = json.dumps(FIRST_EVENT, separators=(",", ":"))
    return (
        f"curl -sS {url}/v1/events -H {authorization} "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
