"""Whether PostgreSQL answers, is new enough and migrated, and has the partitions of the next
months."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.errors import ClarionError
from clarion.records.epoch import is_from_dump
from clarion.records.partitions import MONTHS_AHEAD, database_time, month_start
from clarion.resources import open_database
from clarion.settings import SharedSettings
from clarion.store.embedded import is_embedded
from clarion.store.migrate import migration_config, wrong_encoding
from clarion.store.tables import PARTITIONED
from services.cli.database import readable_errors
from services.cli.doctor.connection import check_pooler, transport
from services.cli.doctor.finding import Finding

SUBJECT = "database"
OLDEST_VERSION = 140_000
MAX_CLOCK_DIFFERENCE_S = 2.0


async def check_database(settings: SharedSettings) -> list[Finding]:
    """Findings on the server, the schema and the partitions."""
    if is_embedded(settings.database_url) and not _is_made(Path(settings.data_dir)):
        return [_can_be_made(Path(settings.data_dir))]
    try:
        async with (
            readable_errors(),
            open_database(settings, "clarion-doctor") as database,
            database.transaction() as connection,
        ):
            raw = await connection.get_raw_connection()
            return [
                await _server(connection),
                transport(raw.driver_connection),
                *await check_pooler(connection, database),
                *await _schema(connection, database.url),
            ]
    except ClarionError as error:
        return [Finding(SUBJECT, str(error), "Correct CLARION_DATABASE_URL, or the server.")]


def _is_made(data: Path) -> bool:
    return (data.expanduser() / "postgres" / "PG_VERSION").exists()


def _can_be_made(data: Path) -> Finding:
    place = data.expanduser().absolute()
    nearest = next(one for one in (place, *place.parents) if one.exists())
    if os.access(nearest, os.W_OK):
        return Finding(SUBJECT, f"The embedded server is made in {data} at the first start.")
    return Finding(
        SUBJECT, f"{nearest} cannot be written.", "Set CLARION_DATA_DIR to one that can."
    )


async def _server(connection: AsyncConnection) -> Finding:
    row = (
        await connection.execute(
            text(
                "SELECT current_setting('server_version_num')::int AS version,"
                " current_setting('server_version') AS name,"
                " current_setting('TimeZone') AS zone,"
                " current_setting('server_encoding') AS encoding,"
                " pg_is_in_recovery() AS standby, clock_timestamp() AS now"
            )
        )
    ).one()
    if row.version < OLDEST_VERSION:
        return Finding(SUBJECT, f"PostgreSQL {row.name} is too old.", "Use version 14 or newer.")
    if row.encoding != "UTF8":
        remedy = "Move to a database with ENCODING 'UTF8'."
        return Finding(SUBJECT, wrong_encoding(row.encoding), remedy)
    if row.standby:
        return Finding(SUBJECT, "It is a read-only standby.", "Give the address of the primary.")
    if row.zone != "UTC":
        remedy = "A pooler between us drops session settings: let it pass `timezone`."
        return Finding(SUBJECT, f"Our sessions are in time zone {row.zone}, not UTC.", remedy)
    difference_s = abs((datetime.now(UTC) - row.now).total_seconds())
    if difference_s > MAX_CLOCK_DIFFERENCE_S:
        remedy = "Keep both clocks by NTP: what is due would be early or late."
        return Finding(SUBJECT, f"Its clock differs from ours by {difference_s:.0f} s.", remedy)
    return Finding(SUBJECT, f"PostgreSQL {row.name}, time zone UTC.")


async def _schema(connection: AsyncConnection, url: str) -> list[Finding]:
    newest = ScriptDirectory.from_config(migration_config(url)).get_current_head()
    table = await connection.scalar(text("SELECT to_regclass('alembic_version')"))
    revision = table and await connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is None:
        return [Finding("schema", "The database is empty.", "Run: clarion migrate")]
    if revision != newest:
        sentence = f"It is at revision {revision}, this release needs {newest}."
        return [Finding("schema", sentence, "Run: clarion migrate")]
    return [
        Finding("schema", f"It is at revision {revision}."),
        await _epoch(connection),
        await _partitions(connection),
    ]


async def _epoch(connection: AsyncConnection) -> Finding:
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    if await is_from_dump(driver):
        remedy = "If it holds less than the one before, run: clarion migrate --restored"
        return Finding("epoch", "The tables were made from a dump since the epoch began.", remedy)
    return Finding("epoch", "The tables are those that it began with.")


async def _partitions(connection: AsyncConnection) -> Finding:
    now = await database_time(connection)
    needed = {
        f"{table.name}_{month_start(now, later):%Y_%m}"
        for table in PARTITIONED
        for later in range(MONTHS_AHEAD + 1)
    }
    rows = await connection.execute(
        text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    )
    missing = sorted(needed - set(rows.scalars()))
    if missing:
        sentence = f"Missing: {', '.join(missing)}."
        return Finding("partitions", sentence, "Start a notifier, which makes them; or migrate.")
    return Finding("partitions", f"This month's and the next {MONTHS_AHEAD} are there.")
