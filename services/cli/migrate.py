"""`clarion migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.lifecycle.event_loop import run


def migrate_all(
    partitions: Annotated[
        bool,
        typer.Option("--partitions", help="Only create the partitions of the next months."),
    ] = False,
    restored: Annotated[
        bool,
        typer.Option("--restored", help="The database was restored from a backup: reset clients."),
    ] = False,
) -> None:
    """Bring the database to the newest schema, and RabbitMQ to the newest exchanges and queues.

    Safe to run at any time and several times at once. Run it before the services of a new release
    start. Use --partitions in a daily job if notifiers may not create tables. Use --restored once
    after every restore from a backup, before notifiers start: inbox versions repeat with other
    content, so clients have to reload their inboxes.
    """
    from clarion.bus import migrate_bus
    from clarion.setting_names import ALL_NAMES
    from clarion.settings import SharedSettings
    from services.cli.database import epoch_begun, migrated, partitioned

    if partitions and restored:
        raise typer.BadParameter("give either --partitions or --restored")
    if partitions:
        run(partitioned)
        typer.echo("The partitions of this and the next months are there.")
        return

    async def migrate() -> None:
        await migrated()
        typer.echo("The database has the newest schema.")
        if restored:
            await epoch_begun()
            typer.echo("The database has a new epoch: clients will load their inboxes again.")
        if await migrate_bus(SharedSettings.read(ALL_NAMES).amqp_url):
            typer.echo("The broker has the newest exchanges and queues.")

    run(migrate)
