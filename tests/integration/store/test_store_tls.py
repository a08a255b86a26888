"""PostgreSQL over TLS: every connection of ours, by the rules of libpq."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from clarion.store.migrate import migrate
from testbed.installed_postgres import InstalledPostgres
from testbed.processes import start_process, wait_until
from tests.integration.gateway.test_gateway_keys import revoke
from tests.support.gateway import gateway_client, make_key

CLARION = (sys.executable, "-m", "services.cli")
CONNECTIONS = """
SELECT application_name, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY application_name
"""


@dataclass(frozen=True, slots=True)
class Secure:
    """A server that lets nobody in without TLS, and those who may judge it."""

    port: int
    authority: Path
    stranger: Path
    client: Path

    def url(self, query: str, host: str = "localhost") -> str:
        return f"postgresql://postgres@{host}:{self.port}/postgres?{query}"

    @property
    def verified(self) -> str:
        return self.url(f"sslmode=verify-full&sslrootcert={self.authority}")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[Secure]:
    node = InstalledPostgres()
    key, chain = node.data / "server.key", node.data / "server.crt"
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(chain))
    trusted, stranger = node.data / "authority.pem", node.folder / "stranger.pem"
    authority.cert_pem.write_to_path(str(trusted))
    trustme.CA().cert_pem.write_to_path(str(stranger))
    client = node.folder / "client.pem"
    own = authority.issue_cert("someone@example.com", common_name="postgres")
    own.private_key_and_cert_chain_pem.write_to_path(str(client))
    copied = node.folder / "authority.pem"
    authority.cert_pem.write_to_path(str(copied))
    (node.data / "pg_hba.conf").write_text(
        "hostssl postgres postgres 127.0.0.1/32 trust\n"
        "hostssl template1 postgres 127.0.0.1/32 cert\n"
    )
    node.give(key, chain, trusted, node.data / "pg_hba.conf")
    lines = ["ssl = on", "ssl_ca_file = 'authority.pem'"]
    async with await node.start(lines):
        yield Secure(node.port, copied, stranger, client)


async def test_every_connection_is_encrypted_and_revoked_keys_are_heard_of(
    memory_bus: Bus, server: Secure
) -> None:
    await migrate(server.verified)
    pool = Database(server.verified, pool_size=4, timeout_s=5, application_name="clarion-test")
    key = await make_key(pool)
    headers = {"authorization": f"Bearer {key}"}
    async with gateway_client(memory_bus, pool) as client:

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        async def is_refused() -> bool:
            return (await client.get("/v1/topics", headers=headers)).status_code == 401

        await wait_until(is_ready, 10, "ready")
        assert not await is_refused()
        async with pool.driver() as tx:
            found = {(row["application_name"], row["ssl"]) for row in await tx.fetch(CONNECTIONS)}
        await revoke(pool, key)
        await wait_until(is_refused, 10, "the revoked key to be refused")
    await pool.close()
    assert ("clarion-gateway-keys", True) in found
    assert {encrypted for _, encrypted in found} == {True}


@pytest.mark.parametrize("query", ["sslmode=require", "ssl=require", "sslmode=prefer", "ssl=true"])
async def test_encrypted_without_a_judgement(server: Secure, query: str) -> None:
    pool = Database(server.url(query), pool_size=2, timeout_s=5, application_name="clarion-test")
    await pool.ping()
    await pool.close()


async def test_a_certificate_of_our_own_is_shown(server: Secure) -> None:
    tls = f"sslmode=verify-full&sslrootcert={server.authority}"
    url = server.url(f"{tls}&sslcert={server.client}&sslkey={server.client}&dbname=template1")
    pool = Database(url, pool_size=2, timeout_s=5, application_name="clarion-test")
    await pool.ping()
    await pool.close()


async def doctor(url: str, amqp_url: str, data: Path) -> tuple[int, str]:
    env = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": url,
        "CLARION_TOKEN_SECRET": "s" * 32,
        "CLARION_DATA_DIR": str(data),
        "CLARION_PORT": "0",
    }
    process = await start_process([*CLARION, "doctor"], env=env)
    return await process.wait(60), process.output()


async def test_doctor_says_how_it_is_protected(
    server: Secure, amqp_url: str, tmp_path: Path
) -> None:
    _, verified = await doctor(server.verified, amqp_url, tmp_path)
    _, encrypted = await doctor(server.url("sslmode=require"), amqp_url, tmp_path)
    assert "The connection is encrypted and the server is verified." in verified
    assert "is not verified" in encrypted


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("stranger", "The certificate of the database is not one that CLARION_DATABASE_URL trusts"),
        ("name", "The certificate of the database is not one that CLARION_DATABASE_URL trusts"),
        ("plain", "The database refuses the login."),
    ],
)
async def test_what_cannot_be_trusted_is_one_sentence(
    server: Secure, fault: str, sentence: str
) -> None:
    url = {
        "stranger": server.url(f"sslmode=verify-full&sslrootcert={server.stranger}"),
        "name": server.url(f"sslmode=verify-full&sslrootcert={server.authority}", "127.0.0.1"),
        "plain": server.url("sslmode=disable"),
    }[fault].replace("postgres@", "postgres:canary@")
    process = await start_process([*CLARION, "migrate"], env={"CLARION_DATABASE_URL": url})
    assert await process.wait(60) == 2, process.output()
    assert process.output().count("\n") == 1, process.output()
    assert sentence in process.output()
    assert "canary" not in process.output()


async def test_a_server_without_tls_where_it_is_demanded(tmp_path: Path) -> None:
    node = InstalledPostgres()
    async with await node.start():
        url = f"postgresql://postgres:canary@127.0.0.1:{node.port}/postgres?sslmode=require"
        process = await start_process([*CLARION, "migrate"], env={"CLARION_DATABASE_URL": url})
        assert await process.wait(60) == 2, process.output()
        assert "The database offers no TLS" in process.output()
