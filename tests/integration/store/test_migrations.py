"""The migrations make the schema of `clarion.store.tables`, from empty and for everybody."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.pool import NullPool

from clarion.contracts.ids import lowest_id_at
from clarion.records.partitions import make_partitions, month_start
from clarion.store.address import Pooler
from clarion.store.database import Database, open_engine
from clarion.store.migrate import migrate, migration_config, migrator
from clarion.store.tables import PARTITIONED, metadata
from testbed.postgres import Databases
from testbed.processes import start_process
from tests.support.catalogue import PARTITIONS, catalogue, rows

MIGRATE = """
import asyncio, sys
from clarion.store.migrate import migrate
asyncio.run(migrate(sys.argv[1]))
"""


async def create_tables(url: str) -> None:
    """The schema as the tables say it, without migrations."""
    engine = open_engine(migrator(url, Pooler.NONE), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def test_migrations_from_empty_make_what_the_tables_say(
    postgres_url: str, databases: Databases
) -> None:
    async with databases.fresh(migrated=False) as drawn:
        await create_tables(drawn)
        assert await catalogue(postgres_url) == await catalogue(drawn)


async def test_autogenerate_finds_nothing_to_add(database: Database) -> None:
    partitions = set(await rows(database.url, PARTITIONS))

    def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
        return not (kind == "table" and name in partitions)

    def differences(connection: Connection) -> list[Any]:
        options = {"include_name": is_ours, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, metadata)

    async with database.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_downgrade_leaves_nothing_and_upgrade_restores(postgres_url: str) -> None:
    before = await catalogue(postgres_url)
    await asyncio.to_thread(command.downgrade, migration_config(postgres_url), "base")
    assert (await catalogue(postgres_url), await rows(postgres_url, PARTITIONS)) == ([], [])
    await migrate(postgres_url)
    assert await catalogue(postgres_url) == before


async def test_migrating_again_changes_nothing(postgres_url: str) -> None:
    before = await catalogue(postgres_url)
    await migrate(postgres_url)
    assert await catalogue(postgres_url) == before


async def test_migrators_at_the_same_time_take_turns(
    empty_postgres_url: str, postgres_url: str
) -> None:
    migrators = [
        await start_process([sys.executable, "-c", MIGRATE, empty_postgres_url]) for _ in range(3)
    ]
    assert [await one.wait(60) for one in migrators] == [0, 0, 0], migrators
    assert await catalogue(empty_postgres_url) == await catalogue(postgres_url)


async def test_partitions_of_this_and_the_next_two_months_exist(postgres_url: str) -> None:
    now = datetime.now(UTC)
    months = [f"{month_start(now, later):%Y_%m}" for later in range(3)]
    expected = sorted(f"{table.name}_{month}" for table in PARTITIONED for month in months)
    assert await rows(postgres_url, PARTITIONS) == expected


async def test_every_month_takes_rows(database: Database) -> None:
    now = datetime.now(UTC)
    for table in PARTITIONED:
        landed: list[str] = []
        for later in range(3):
            landed.append(await insert(database, table, lowest_id_at(month_start(now, later))))
        assert landed == [f"{table.name}_{month_start(now, later):%Y_%m}" for later in range(3)]


async def test_partitions_are_added_as_months_pass(database: Database) -> None:
    now = datetime.now(UTC)
    await make_partitions(database, month_start(now, 2))
    await make_partitions(database, month_start(now, 2))
    names = await rows(database.url, PARTITIONS)
    assert len(names) == 5 * len(PARTITIONED)
    last = f"events_{month_start(now, 4):%Y_%m}"
    assert await insert(database, PARTITIONED[0], lowest_id_at(month_start(now, 4))) == last


async def insert(database: Database, table: Table, identifier: UUID) -> str:
    """Insert a row with this id; the name of the partition that took it."""
    needed = [one for one in table.columns if not one.nullable and one.server_default is None]
    row = {one.name: identifier if one.name == "id" else value_for(one) for one in needed}
    async with database.transaction() as connection:
        await connection.execute(table.insert().values(row))
        query = text(f"SELECT tableoid::regclass::text FROM {table.name} WHERE id = :id")
        return str(await connection.scalar(query, {"id": identifier}))


def value_for(column: Column[Any]) -> object:
    """Something that the column takes."""
    if isinstance(column.type, JSONB):
        return {}
    if isinstance(column.type, ARRAY):
        return []
    kind = column.type.python_type
    return datetime.now(UTC) if kind is datetime else UUID(int=1) if kind is UUID else kind()
