"""A new release's schema comes while the old one works: nothing is cut off, nobody waits long."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
from alembic import command

from clarion.bus.protocol import Bus
from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Database
from clarion.store.migrate import migrate, migration_config
from clarion.store.tables import metadata
from services.notifier.settings import NotifierSettings
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import InboxCommands
from services.pusher.inbox.history import FeedPosition, History
from services.pusher.inbox.listing import list_inbox
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

MEMBERS = 3 * SLICE_SIZE + 10
MAX_ID = UUID(int=2**128 - 1)
ANN = {"id": "ann", "email": "ann@example.org"}
SENT = "SELECT 1 FROM deliveries WHERE state IN ('sent', 'delivered')"

AUDIT_ROWS = 300_000
FILL_AUDIT = """
INSERT INTO audit (id, tenant, actor, action, subject_kind, subject, detail)
SELECT gen_random_uuid(), 'acme', 'key ' || n % 100, 'event.cancel', 'event', 'event ' || n, '{}'
FROM generate_series(1, $1::int) n
"""


OLD_ROWS = (
    """
INSERT INTO deliveries (id, tenant, notification, channel, lane, state, provider, recipient,
                        attempt_count, due_at, trace_id)
SELECT gen_random_uuid(), 'acme', gen_random_uuid(), 'email', 'normal', 'scheduled', 'one',
       'ann@example.org', 1, now() + interval '1 day', repeat('0', 32)
FROM generate_series(1, $1::int)
""",
    """
INSERT INTO attempts (id, tenant, delivery, n, provider, started_at, duration_ms, outcome)
SELECT gen_random_uuid(), tenant, id, 1, provider, now(), 1, 'unknown' FROM deliveries
""",
    """
INSERT INTO subscribers (tenant, id, email)
SELECT 'acme', 'person ' || n, 'ann@example.org' FROM generate_series(1, $1::int) n
""",
    FILL_AUDIT,
)
WRITTEN_BY = """
SELECT tableoid::regclass::text AS table, xmin::text AS by FROM deliveries
UNION SELECT tableoid::regclass::text, xmin::text FROM attempts
UNION SELECT tableoid::regclass::text, xmin::text FROM subscribers
UNION SELECT tableoid::regclass::text, xmin::text FROM audit
UNION SELECT relname, relfilenode::text FROM pg_class WHERE relkind = 'r'
  AND relname ~ '^(deliveries|attempts|subscribers|audit|events|notifications|inbox)'
"""
"""The transactions that wrote rows, and the files that hold them."""


async def work(bus: Bus, database: Database, number: int) -> None:
    """Plan, send, list, replay and change: each by statements that were prepared before."""
    await publish(bus, envelope(event(id=f"e-{number}", to=[ANN], channels=["inbox", "email"])))
    await wait_for_rows(database, "SELECT 1 FROM notifications WHERE subscriber = 'ann'", number)
    await wait_for_rows(database, SENT, number)
    page = await History(database, pool_size=4).after(FeedPosition("default", "ann", 0))
    listed = await list_inbox(
        database, "default", "ann", state="all", category=None, before=MAX_ID, limit=100
    )
    assert (len(page.items), len(listed.items)) == (number, number)
    done = await InboxCommands(database).apply(
        InboxCommand("default", "ann", "read", ids=(listed.items[0].id,))
    )
    assert done.changed == 1


async def test_work_goes_on_while_each_table_gets_a_column(
    memory_bus: Bus, database: Database
) -> None:
    everybody = [f"s{n:05}" for n in range(MEMBERS)]
    async with database.driver() as tx:
        await tx.execute(
            "INSERT INTO topic_members (tenant, topic, subscriber)"
            " SELECT 'default', 'all', unnest($1::text[])",
            everybody,
        )
    settings = NotifierSettings(email=["capture://"])
    admin = await asyncpg.connect(database.url)
    tables = [table.name for table in metadata.sorted_tables]
    async with (
        running_notifiers(memory_bus, database, settings),
        gateway_client(memory_bus, database) as client,
    ):
        for number in range(1, 4):
            await work(memory_bus, database, number)
        audience = 0
        for number, table in enumerate(tables, start=4):
            await publish(memory_bus, envelope(event(id=f"all-{table}", to="topic:all")))
            await admin.execute(f"ALTER TABLE {table} ADD COLUMN added_later int DEFAULT 7")
            await work(memory_bus, database, number)
            audience += MEMBERS
            for path in ("notifications", "deliveries", "topics", "subscribers", "parked"):
                answer = await client.get(f"/v1/{path}?limit=5")
                assert answer.status_code == 200, (table, path, answer.text)
        count = "SELECT 1 FROM notifications WHERE subscriber LIKE 's0%'"
        await wait_for_rows(database, count, audience, timeout_s=90)
    await admin.close()
    assert await rows(database, "SELECT reason FROM parked") == []


async def test_nobody_waits_while_indexes_of_a_large_table_are_built(
    empty_postgres_url: str,
) -> None:
    url = empty_postgres_url
    await asyncio.to_thread(command.upgrade, migration_config(url), "0001")
    others = await asyncpg.connect(url)
    await others.execute(FILL_AUDIT.replace("$1", str(AUDIT_ROWS)))
    # a wait for a lock as long as this would be an error, and fail the test
    await others.execute("SET lock_timeout = '3s'")
    upgrade = asyncio.create_task(migrate(url))
    rounds = 0
    while not upgrade.done():
        await others.fetch("SELECT id FROM notifications LIMIT 1")
        await others.fetch("SELECT id FROM events LIMIT 1")
        await others.execute(FILL_AUDIT.replace("$1", "1"))
        rounds += 1
    await upgrade
    valid = await others.fetchval(
        "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'audit'::regclass"
    )
    await others.close()
    assert rounds > 0
    assert valid


async def test_no_migration_rewrites_what_may_be_many_rows(empty_postgres_url: str) -> None:
    """Who changes a table has it for itself alone until the end of its transaction."""
    url = empty_postgres_url
    await asyncio.to_thread(command.upgrade, migration_config(url), "0001")
    admin = await asyncpg.connect(url)
    for table in ("deliveries", "attempts"):
        await admin.execute(f"CREATE TABLE {table}_others PARTITION OF {table} DEFAULT")
    for fill in OLD_ROWS:
        await admin.execute(fill.replace("$1", "50"))
    before = {tuple(row) for row in await admin.fetch(WRITTEN_BY)}
    await migrate(url)
    after = {tuple(row) for row in await admin.fetch(WRITTEN_BY)}
    await admin.close()
    tables = {name for name, _ in before}
    assert {"deliveries_others", "attempts_others", "subscribers", "audit"} <= tables
    assert {one for one in after if one[0] in tables} == before


async def test_a_half_built_index_is_built_again(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    await asyncio.to_thread(command.upgrade, migration_config(url), "0002")
    admin = await asyncpg.connect(url)
    name = "ix_audit_tenant_action_id"
    await admin.execute(f"CREATE INDEX {name} ON audit (tenant, action, id)")
    await admin.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass", name
    )
    await migrate(url)
    valid = await admin.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = $1::text::regclass", name
    )
    await admin.close()
    assert valid


async def test_a_migration_waits_briefly_and_again_for_a_table_that_is_read(
    empty_postgres_url: str,
) -> None:
    url = empty_postgres_url
    await asyncio.to_thread(command.upgrade, migration_config(url), "0001")
    reader, other = await asyncpg.connect(url), await asyncpg.connect(url)
    async with reader.transaction():
        await reader.fetch("SELECT 1 FROM notifications")
        upgrade = asyncio.create_task(migrate(url))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        seen = 0
        while seen < 2:  # it gave up and came back
            while not await other.fetchval(f"{waits} AND application_name = 'clarion-migrate'"):
                assert not upgrade.done()
            while await other.fetchval(f"{waits} AND application_name = 'clarion-migrate'"):
                pass
            seen += 1
        await other.fetch("SELECT 1 FROM notifications")
    await upgrade
    for connection in (reader, other):
        await connection.close()


async def test_a_type_that_changed_under_a_prepared_statement(database: Database) -> None:
    async def read() -> list[asyncpg.Record]:
        return await database.run(lambda tx: tx.fetch("SELECT n FROM changing"))

    async with database.driver() as tx:
        await tx.execute("CREATE TABLE changing (n int)")
        await tx.execute("INSERT INTO changing VALUES (1)")
    for _ in range(3):
        await read()
    admin = await asyncpg.connect(database.url)
    await admin.execute("ALTER TABLE changing ALTER COLUMN n TYPE text")
    await admin.close()
    assert [row["n"] for row in await read()] == ["1"]
