"""`clarion keys`: API keys in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from clarion.lifecycle.event_loop import run
from clarion.tokens.api_keys import SCOPES, new_api_key
from services.cli.arguments import Tenant

app = typer.Typer(
    help="API keys, with which services and admins authenticate at the gateway.",
    no_args_is_help=True,
)


def known_scopes(scopes: list[str]) -> list[str]:
    """Raises `typer.BadParameter` for a scope that does not exist."""
    if not set(scopes) <= set(SCOPES):
        raise typer.BadParameter(f"Known scopes are: {', '.join(SCOPES)}.")
    return scopes


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Name of the key, such as shop-backend.")],
    scope: Annotated[
        list[str],
        typer.Option(callback=known_scopes, help=f"Repeatable: {', '.join(SCOPES)}."),
    ],
    tenant: Tenant = "default",
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Default: the key does not expire.")
    ] = None,
) -> None:
    """Create a key and print it once: only its hash is stored."""
    from services.cli.stored_keys import store

    expires_at = datetime.now(UTC) + timedelta(days=expires_in_days) if expires_in_days else None
    key = new_api_key()

    async def work() -> None:
        identifier = await store(key, tenant=tenant, name=name, scopes=scope, expires_at=expires_at)
        typer.echo(f"Key {identifier} of tenant {tenant}; it is not shown again:", err=True)
        typer.echo(key)

    run(work)


@app.command("list")
def show() -> None:
    """List keys, the oldest first."""
    from services.cli.stored_keys import line_of, read

    async def work() -> None:
        rows = await read()
        for row in rows:
            typer.echo(line_of(row, datetime.now(UTC)))
        if not rows:
            typer.echo("There is no key. Create one with: clarion keys create", err=True)

    run(work)


@app.command("revoke")
def revoke(
    identifier: Annotated[
        UUID, typer.Argument(metavar="ID", help="Id of the key, from `clarion keys list`.")
    ],
) -> None:
    """Revoke a key, at once and permanently."""
    from services.cli.stored_keys import end

    async def work() -> None:
        if not await end(identifier):
            typer.echo("clarion: There is no such key, or it was revoked before.", err=True)
            raise typer.Exit(1)
        typer.echo(f"Key {identifier} is revoked.")

    run(work)
