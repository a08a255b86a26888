"""`clarion migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.lifecycle import run


def migrate_all(
    partitions: Annotated[
        bool,
        typer.Option("--partitions", help="Only create the partitions of the next months."),
    ] = False,
) -> None:
    """Bring the database to the newest schema, and RabbitMQ to the newest exchanges and queues.

    Safe to run at any time and from several places at once; does nothing where nothing is to do.
    Run it before the services of a new release start. With --partitions, for a daily job: where
    notifiers may not create tables.
    """
    from clarion.bus import migrate_bus
    from clarion.cli.database import migrated, partitioned
    from clarion.setting_names import ALL_NAMES
    from clarion.settings import SharedSettings

    if partitions:
        run(partitioned)
        typer.echo("The partitions of this and the next months are there.")
        return

    async def migrate() -> None:
        await migrated()
        typer.echo("The database has the newest schema.")
        if await migrate_bus(SharedSettings.read(ALL_NAMES).amqp_url):
            typer.echo("The broker has the newest exchanges and queues.")

    run(migrate)
