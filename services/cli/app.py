"""The commands of `clarion`, and the output of their errors."""

from __future__ import annotations

import sys

import typer

from clarion.errors import ClarionError
from clarion.lifecycle.event_loop import status_of
from services.cli import emit, keys, migrate, services, token, watch
from services.cli.dev import command as dev
from services.cli.doctor import command as doctor

app = typer.Typer(
    name="clarion",
    help="Self-hosted notifications: events in, inbox, email and SMS out. "
    "Settings are CLARION_* environment variables; .env.example lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("dev")(dev.dev)
app.command("gateway")(services.gateway)
app.command("notifier")(services.notifier)
app.command("pusher")(services.pusher)
app.command("migrate")(migrate.migrate_all)
app.add_typer(keys.app, name="keys")
app.command("token")(token.token)
app.command("emit")(emit.emit)
app.command("watch")(watch.watch)
app.command("doctor")(doctor.doctor)


def run_command() -> None:
    """Run the command; a `ClarionError` ends it with a one-line message."""
    try:
        app()
    except ClarionError as error:
        sys.stderr.write(f"clarion: {error}\n")
        sys.exit(status_of(error))
