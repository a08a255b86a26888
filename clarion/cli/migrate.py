"""`clarion migrate`."""

from __future__ import annotations

import typer

from clarion.lifecycle import run


def migrate_database() -> None:
    """Bring the database to the newest schema.

    Safe to run at any time and from several places at once; does nothing where nothing is to do.
    Run it before the services of a new release start.
    """
    from clarion.cli.database import migrated

    run(migrated)
    typer.echo("The database has the newest schema.")
