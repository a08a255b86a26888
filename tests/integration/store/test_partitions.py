"""Partitions are made beside everybody else's work, by roles that may, and ahead of time."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx2
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from structlog.testing import capture_logs

from chaos.database_causes import cause
from clarion.bus.protocol import Bus
from clarion.errors import StoreUnavailable
from clarion.records.partitions import make_partitions, month_start
from clarion.store.database import Database
from clarion.store.migrate import migrate
from clarion.store.tables import PARTITIONED
from services.notifier.app import create_app
from services.notifier.schedule.housekeeping import Housekeeper
from services.notifier.settings import NotifierSettings
from testbed.postgres import PostgresNode
from testbed.processes import start_process, wait_until
from tests.support.catalogue import PARTITIONS, rows
from tests.support.notifier import envelope, event, publish, running_notifiers, wait_for_rows

GUIDE = Path(__file__).parents[3] / "docs/operations/database.md"
NOW = datetime.now(UTC)
LATER = month_start(NOW, 5)
NEXT = f"{month_start(NOW, 1):%Y_%m}"
LAST = f"{month_start(NOW, 2):%Y_%m}"
DUMP = f"LOCK TABLE {', '.join(table.name for table in PARTITIONED)} IN ACCESS SHARE MODE"


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)


async def test_they_are_made_while_a_dump_runs_and_rows_are_written(database: Database) -> None:
    async with database.driver() as dump, database.driver() as writer:
        await dump.execute(DUMP)
        await writer.execute("LOCK TABLE events, notifications IN ROW EXCLUSIVE MODE")
        await make_partitions(database, LATER)
        await writer.fetch("SELECT count(*) FROM events")
    names = await rows(database.url, PARTITIONS)
    assert f"events_{LATER:%Y_%m}" in names


async def test_events_are_planned_and_months_begin_under_a_real_dump(
    private_postgres: PostgresNode, memory_bus: Bus
) -> None:
    await migrate(private_postgres.url)
    pool = Database(private_postgres.url, pool_size=4, timeout_s=5, application_name="clarion-test")
    async with cause(private_postgres, "dump"), running_notifiers(memory_bus, pool):
        await publish(memory_bus, envelope(event()))
        await wait_for_rows(pool, "SELECT 1 FROM notifications", 1)
        await make_partitions(pool, LATER)
    await pool.close()


async def test_where_a_table_is_held_the_others_are_made_and_nobody_waits(
    database: Database,
) -> None:
    async with database.driver() as tx:
        for table in PARTITIONED:
            await tx.execute(f"DROP TABLE {table.name}_{LAST}")
    keeper = Housekeeper(database, captures_kept=1)
    async with database.driver() as migration:
        await migration.execute("LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE")
        with capture_logs() as logs:
            await keeper.ensure()
    (entry,) = [one for one in logs if one["event"] == "partition_not_made"]
    assert (entry["partition"], entry["sqlstate"]) == (f"events_{LAST}", "55P03")
    assert (keeper.months_ahead, keeper.is_month_missing) == (1, False)
    await keeper.ensure()
    assert keeper.months_ahead == 2


def sql_of_the_guide() -> list[str]:
    """What it says to run, block by block."""
    return re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Roles:
    """The same database as two roles."""

    owner: str
    service: str


@pytest.fixture
async def roles(private_postgres: PostgresNode) -> Roles:
    """As the guide says, without the right to make partitions."""
    admin = await connect(private_postgres.url)
    await admin.execute("CREATE ROLE clarion_owner LOGIN; CREATE ROLE clarion LOGIN")
    await admin.execute("CREATE DATABASE clarion OWNER clarion_owner")
    await admin.close()
    parts = urlsplit(private_postgres.url)._replace(path="/clarion")
    owner = urlunsplit(parts._replace(netloc="clarion_owner:@"))
    await migrate(owner)
    connection = await connect(owner)
    await connection.execute(sql_of_the_guide()[0])
    await connection.close()
    return Roles(owner, urlunsplit(parts._replace(netloc="clarion:@")))


async def drop(owner: str, month: str) -> None:
    connection = await connect(owner)
    for table in PARTITIONED:
        await connection.execute(f"DROP TABLE {table.name}_{month}")
    await connection.close()


async def ready(app: FastAPI) -> tuple[int, str, str]:
    """Status, what is said of the partitions, and the gauge."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://notifier") as client:
        answer = await client.get("/readyz")
        figures = (await client.get("/metrics")).text
    gauge = re.search(r"^clarion_partitions_ahead (\S+)$", figures, re.MULTILINE)
    assert gauge is not None
    return answer.status_code, answer.json()["checks"]["partitions"], gauge[1]


async def test_a_role_that_may_not_make_them_says_so_before_they_are_missed(
    roles: Roles, memory_bus: Bus
) -> None:
    await drop(roles.owner, NEXT)
    pool = Database(roles.service, pool_size=4, timeout_s=5, application_name="clarion-test")
    with capture_logs() as logs:
        app = create_app(NotifierSettings(), bus=memory_bus, database=pool)
        async with LifespanManager(app):
            await publish(memory_bus, envelope(event()))
            await wait_for_rows(pool, "SELECT 1 FROM notifications", 1)
            await wait_until(
                lambda: any(one["event"] == "partition_not_made" for one in logs), 20, "the log"
            )

            async def is_unready() -> bool:
                return (await ready(app))[0] == 503

            await wait_until(is_unready, 10, "not ready")
            status, sentence, ahead = await ready(app)
    found = [one for one in logs if one["event"] == "partition_not_made"]
    assert {one["sqlstate"] for one in found} == {"42501"}
    assert "clarion migrate --partitions" in found[0]["detail"]
    assert (status, ahead) == (503, "0.0")
    assert "A partition of the next month is missing." in sentence

    env = {"CLARION_DATABASE_URL": roles.owner}
    command = [sys.executable, "-m", "services.cli", "migrate", "--partitions"]
    made = await start_process(command, env=env)
    assert await made.wait(60) == 0, made.output()
    again = create_app(NotifierSettings(), bus=memory_bus, database=pool)
    async with LifespanManager(again):

        async def is_ready() -> bool:
            return await ready(again) == (200, "ok", "2.0")

        await wait_until(is_ready, 20, "ready")
    await pool.close()


async def test_without_the_right_the_command_is_one_sentence(roles: Roles) -> None:
    await drop(roles.owner, NEXT)
    env = {"CLARION_DATABASE_URL": roles.service}
    command = [sys.executable, "-m", "services.cli", "migrate", "--partitions"]
    refused = await start_process(command, env=env)
    assert await refused.wait(60) == 2, refused.output()
    assert "may not do this" in refused.output()
    assert refused.output().count("\n") == 1


async def test_a_role_that_may_act_as_the_owner_makes_them_the_owners(
    roles: Roles, private_postgres: PostgresNode
) -> None:
    await drop(roles.owner, NEXT)
    pool = Database(roles.service, pool_size=2, timeout_s=5, application_name="clarion-test")
    with pytest.raises(StoreUnavailable):
        await make_partitions(pool, NOW)
    admin = await connect(private_postgres.url)
    await admin.execute(sql_of_the_guide()[1])
    await admin.close()
    await make_partitions(pool, NOW)
    await pool.close()
    owner = await connect(roles.owner)
    found = await owner.fetch(
        "SELECT tableowner, count(*) FROM pg_tables WHERE schemaname = 'public' GROUP BY 1"
    )
    await owner.close()
    assert [row["tableowner"] for row in found] == ["clarion_owner"]
