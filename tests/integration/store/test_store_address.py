"""Database URLs on real servers: every connection reads them alike; failures are one sentence."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import AsyncIterator
from urllib.parse import quote

import asyncpg
import httpx2
import pytest

from clarion.errors import StoreUnavailable
from clarion.store.address import Pooler
from clarion.store.database import Database
from clarion.store.migrate import migrate
from testbed.installed_postgres import InstalledPostgres
from testbed.postgres import Databases
from testbed.processes import free_port, start_process, wait_until
from testbed.stack import start_service

CLARION = (sys.executable, "-m", "services.cli")
ODD = "canary@:/%#?&= \"'\\ß+%41"
ACTIVITY = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"


@pytest.fixture
async def server() -> AsyncIterator[InstalledPostgres]:
    """One that asks `odd` for a password."""
    node = InstalledPostgres()
    hba = node.data / "pg_hba.conf"
    hba.write_text(
        "host all odd 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n"
    )
    node.give(hba)
    async with await node.start():
        admin = await asyncpg.connect(host="127.0.0.1", port=node.port, user="postgres")
        literal = await admin.fetchval("SELECT quote_literal($1::text)", ODD)
        await admin.execute(f"CREATE ROLE odd LOGIN PASSWORD {literal}")
        await admin.execute("ALTER DATABASE postgres OWNER TO odd")
        await admin.close()
        yield node


async def cli(command: str, url: str, **settings: str) -> tuple[int, str]:
    env = {"CLARION_DATABASE_URL": url, **settings}
    process = await start_process([*CLARION, *command.split()], env=env)
    return await process.wait(60), process.output()


async def test_a_password_of_every_special_character_and_several_hosts(
    server: InstalledPostgres,
) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{server.port}"
    query = f"application_name=shop&connect_timeout=5&options={quote('-c jit=off')}"
    url = f"postgresql://odd:{quote(ODD, safe='')}@{hosts}/postgres?{query}"
    await migrate(url)
    pool = Database(url, pool_size=2, timeout_s=5, application_name="clarion-test")
    async with pool.driver() as tx:
        found = (await tx.fetchval(ACTIVITY), await tx.fetchval("SHOW jit"))
    listener = pool.listener("clarion-test-listener")
    assert listener is not None
    connection = await listener.connect()
    assert await connection.fetchval(ACTIVITY) == "shop"
    await connection.close()
    await pool.close()
    assert found == ("shop", "off")


async def test_a_password_file(server: InstalledPostgres) -> None:
    file = server.folder / "passes"
    admin = await asyncpg.connect(host="127.0.0.1", port=server.port, user="postgres")
    await admin.execute("ALTER ROLE odd PASSWORD 'of the file'")
    await admin.close()
    file.write_text(f"127.0.0.1:{server.port}:*:odd:of the file\n")
    file.chmod(0o600)
    url = f"postgresql://odd@127.0.0.1:{server.port}/postgres?passfile={file}"
    pool = Database(url, pool_size=1, timeout_s=5, application_name="clarion-test")
    await pool.ping()
    await pool.close()


@pytest.mark.parametrize("command", ["migrate", "doctor"])
@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ("odd:canary", "The database refuses the login."),
        ("odd:can@ary", "CLARION_DATABASE_URL: there is more than one @"),
        ("odd:canary%", "CLARION_DATABASE_URL: the password has a %"),
        ("odd:1/canary", "CLARION_DATABASE_URL: there is an @ after the host"),
    ],
)
async def test_what_cannot_work_is_one_sentence(
    server: InstalledPostgres, command: str, login: str, sentence: str
) -> None:
    status, output = await cli(command, f"postgresql://{login}@127.0.0.1:{server.port}/postgres")
    assert status == (2 if command == "migrate" else 1), output
    assert sentence in output
    assert "canary" not in output
    assert "ary" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("odd:canary@127.0.0.1:{port}/postgres", "Check user and password in {setting}."),
        ("postgres@127.0.0.1:{port}/canary", "correct the name in {setting}."),
        ("postgres@127.0.0.1:{closed}/canary", "is {setting} right?"),
        ("postgres@127.0.0.1:{port}/postgres?sslmode=require", "which {setting} demands"),
        ("postgres@127.0.0.1:{port}/postgres?options=-c%20misspelt%3Dcanary", "{setting}: the"),
    ],
)
async def test_migrate_names_the_setting_whose_address_it_used(
    server: InstalledPostgres, way: str, sentence: str
) -> None:
    good = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    direct = "postgresql://" + way.format(port=server.port, closed=free_port())
    setting = "CLARION_DATABASE_DIRECT_URL"
    status, output = await cli("migrate", good, CLARION_DATABASE_DIRECT_URL=direct)
    assert status != 0, output
    assert sentence.format(setting=setting) in output
    assert "CLARION_DATABASE_URL" not in output
    assert "canary" not in output


REFUSED = [
    ("misspelt=canary", "misspelt", "Correct its name and its value, or leave it out."),
    ("jit=off -c work_mem=canary", "work_mem", "Correct its value, or leave it out."),
    ("work_mem=jit -c jit=off", "work_mem", "Correct its value, or leave it out."),
    ("shared_buffers=1GB", "shared_buffers", "in the server's configuration only."),
    ("log_statement=none", "log_statement", "GRANT SET ON PARAMETER."),
]


def with_options(server: InstalledPostgres, option: str) -> str:
    password = quote(ODD, safe="")
    options = quote(f"-c {option}")
    return f"postgresql://odd:{password}@127.0.0.1:{server.port}/postgres?options={options}"


def check_told(text: str, name: str, remedy: str) -> None:
    told = "CLARION_DATABASE_URL: the server refuses a setting that its parameter options names."
    assert f"{told} It is {name}. " in text
    assert remedy in text
    assert "canary" not in text


@pytest.mark.parametrize("command", ["migrate", "doctor", "keys list"])
@pytest.mark.parametrize(("option", "name", "remedy"), REFUSED[:3])
async def test_a_setting_that_the_server_refuses_is_named(
    server: InstalledPostgres, command: str, option: str, name: str, remedy: str
) -> None:
    status, output = await cli(command, with_options(server, option))
    assert status == (1 if command == "doctor" else 2), output
    check_told(output, name, remedy)
    assert "database_setting_refused" not in output, "told twice"


@pytest.mark.parametrize("pooler", list(Pooler))
async def test_a_refused_setting_is_named_past_every_pooler(
    server: InstalledPostgres, pooler: Pooler
) -> None:
    """Past one by transaction, each transaction begins with the settings. That no session is left
    open shows where the server stops, which waits for them."""
    for option, name, remedy in REFUSED:
        database = Database(
            with_options(server, option),
            pool_size=2,
            timeout_s=5,
            application_name="clarion-test",
            pooler=pooler,
        )
        for begin in (database.transaction, database.driver):
            with pytest.raises(StoreUnavailable) as refused:
                async with begin():
                    raise AssertionError("a transaction without its settings")
            check_told(str(refused.value), name, remedy)
        await database.close()


@pytest.mark.parametrize("service", ["gateway", "notifier", "pusher"])
async def test_a_service_logs_once_which_setting_is_refused(
    server: InstalledPostgres, service: str
) -> None:
    settings = {
        "CLARION_AMQP_URL": f"amqp://guest:guest@127.0.0.1:{free_port()}/",
        "CLARION_DATABASE_URL": with_options(server, "work_mem=canary"),
        "CLARION_API_KEY": "k" * 32,
        "CLARION_TOKEN_SECRET": "s" * 32,
    }
    port = free_port()
    process = await start_service(service, port, settings)
    async with process, httpx2.AsyncClient() as http:
        await wait_until(lambda: "database_setting_refused" in process.output(), 60)
        for _ in range(2):
            await wait_until(lambda: http.get(f"http://127.0.0.1:{port}/readyz"), 60)
        lines = [json.loads(one) for one in process.output().splitlines() if one.startswith("{")]
    [line] = [one for one in lines if one["event"] == "database_setting_refused"]
    assert (line["level"], line["setting"]) == ("error", "work_mem")
    check_told(line["detail"], "work_mem", "Correct its value, or leave it out.")
    assert "canary" not in process.output()


@pytest.mark.parametrize("command", ["migrate", "doctor"])
async def test_only_databases_in_utf8(databases: Databases, command: str) -> None:
    async with databases.fresh(migrated=False) as url:
        name = "latin_" + url.partition("?")[0].rpartition("_")[2]
        admin = await asyncpg.connect(url)
        create = f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        await admin.execute(create)
        try:
            own = url.replace(url.partition("?")[0].rpartition("/")[2], name)
            status, output = await cli(command, own)
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await admin.close()
    assert status == (2 if command == "migrate" else 1), output
    assert "The encoding of the database is LATIN1; Clarion needs UTF8." in output


async def test_no_traceback_shows_a_password(server: InstalledPostgres) -> None:
    url = f"postgresql://odd:canary@127.0.0.1:{server.port}/postgres"
    pool = Database(url, pool_size=1, timeout_s=5, application_name="clarion-test")
    with pytest.raises(StoreUnavailable) as refused:
        await pool.ping()
    await pool.close()
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    error: BaseException | None = refused.value
    while error is not None:
        assert "canary" not in str(error)
        error = error.__cause__
    assert "canary" not in "".join(shown.format()).replace(f"{url!r}", "").replace(url, "")
