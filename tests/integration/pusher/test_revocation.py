"""Revoked tokens: sockets close on every pusher, and nothing opens with them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.contracts.revocation import Revocation
from clarion.errors import Unauthorized, Unavailable
from clarion.records.revocations import RevocationCursor, changed_after, revoke
from clarion.store.database import Database
from clarion.tokens.subscriber import SecretVerifier
from services.pusher.access.revocations import CheckedVerifier, Revocations
from testbed.processes import wait_until
from tests.support.gateway import gateway_client, make_key
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import SECRET, Client, Pusher, running_pusher, token

REVOKED = (4401, "token_revoked")
FAR = 9e9


@pytest.fixture
async def gateway(memory_bus: Bus, database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with gateway_client(memory_bus, database, token_secret=SECRET) as client:
        yield client


async def minted(gateway: httpx2.AsyncClient, subscriber: str) -> str:
    answer = await gateway.post("/v1/tokens", json={"subscriber": subscriber})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


async def revoked(gateway: httpx2.AsyncClient, subscriber: str, **query: Any) -> Any:
    answer = await gateway.delete(f"/v1/subscribers/{subscriber}/sessions", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearing(one: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {one}"}}


async def caught_up(client: Client) -> None:
    await client.hello()
    await client.until("caught_up")


async def jti_of(one: str) -> str:
    jti = (await SecretVerifier(SECRET).verify(one)).jti
    assert jti is not None
    return jti


async def refusal(pusher: Pusher, one: str) -> tuple[Any, ...]:
    """How REST and socket answer this token."""
    async with httpx2.AsyncClient(base_url=pusher.http) as http:
        answer = await http.get("/v1/inbox", headers={"Authorization": f"Bearer {one}"})
    async with pusher.connect(**bearing(one)) as client:
        return answer.status_code, answer.json()["code"], *(await client.closed())


async def test_sockets_close_on_every_pusher_and_later_ones_are_refused(
    bus: Bus, database: Database
) -> None:
    async with (
        gateway_client(bus, database, token_secret=SECRET) as gateway,
        running_pusher(bus, database) as one,
        running_pusher(bus, database) as two,
    ):
        old, others = await minted(gateway, "ada"), await minted(gateway, "bob")
        async with (
            one.connect(**bearing(old)) as here,
            two.connect(**bearing(old)) as there,
            two.connect(**bearing(others)) as other,
        ):
            for client in (here, there, other):
                await caught_up(client)
            await revoked(gateway, "ada")
            assert [await here.closed(), await there.closed()] == [REVOKED] * 2
            await caught_up(other)
        async with running_pusher(bus, database) as later:
            for pusher in (one, two, later):
                assert await refusal(pusher, old) == (401, "token_revoked", *REVOKED)


async def test_a_token_minted_right_after_holds(
    gateway: httpx2.AsyncClient, pusher: Pusher
) -> None:
    for _ in range(20):
        old = await minted(gateway, "ada")
        await revoked(gateway, "ada")
        new = await minted(gateway, "ada")
        async with pusher.connect(**bearing(new)) as client:
            await caught_up(client)
        async with pusher.connect(**bearing(old)) as client:
            assert await client.closed() == REVOKED


async def test_one_token_is_revoked_by_its_id(gateway: httpx2.AsyncClient, pusher: Pusher) -> None:
    lost, kept = await minted(gateway, "ada"), await minted(gateway, "ada")
    async with pusher.connect(**bearing(lost)) as one, pusher.connect(**bearing(kept)) as other:
        await caught_up(one)
        await caught_up(other)
        record = await revoked(gateway, "ada", jti=await jti_of(lost))
        assert (record["jti"], record["issued_before"]) == (await jti_of(lost), None)
        assert await one.closed() == REVOKED
        await caught_up(other)
    async with pusher.connect(**bearing(lost)) as client:
        assert await client.closed() == REVOKED


async def test_a_session_that_was_renewed_outlives_its_first_token(
    gateway: httpx2.AsyncClient, pusher: Pusher
) -> None:
    first, second = await minted(gateway, "ada"), await minted(gateway, "ada")
    async with pusher.connect(**bearing(first)) as client:
        await client.send({"type": "auth", "token": second, "ref": 1})
        await client.until("ok")
        await revoked(gateway, "ada", jti=await jti_of(first))
        await caught_up(client)
        await client.send({"type": "auth", "token": first})
        assert await client.closed() == REVOKED


async def test_tokens_issued_before_a_time_are_revoked_and_never_fewer(
    gateway: httpx2.AsyncClient, pusher: Pusher
) -> None:
    now = time.time()
    old, new = token("ada", now=now - 100), token("ada", now=now - 10)
    middle = "2026-11-20T12:00:00Z"
    await revoked(gateway, "ada", issued_before=rfc3339(now - 50))
    assert (await revoked(gateway, "ada", issued_before=middle))["issued_before"] > middle
    assert await refusal(pusher, old) == (401, "token_revoked", *REVOKED)
    async with pusher.connect(**bearing(new)) as client:
        await caught_up(client)


async def test_what_was_not_announced_is_found_in_the_store(
    database: Database, pusher: Pusher
) -> None:
    async with pusher.connect("ada") as client:
        await caught_up(client)
        async with database.transaction() as connection:
            await revoke(connection, Revocation(1, TENANT, "ada", None, time.time(), FAR))
        assert await client.closed(timeout_s=30) == REVOKED


async def test_a_command_under_way_is_called_off(
    gateway: httpx2.AsyncClient, database: Database, memory_bus: Bus, postgres_url: str
) -> None:
    await InboxWriter(database, memory_bus).write("ada", "one")
    patient = Database(postgres_url, pool_size=4, timeout_s=100, application_name="patient")
    async with (
        running_pusher(memory_bus, patient) as pusher,
        pusher.feed("ada") as client,
        database.driver() as blocker,
    ):
        await blocker.execute("SELECT 1 FROM inboxes WHERE subscriber = 'ada' FOR UPDATE")
        for _ in range(3):
            await client.send({"type": "read", "up_to": 1})
        await wait_until(lambda: at_a_lock(database), 20, "the command at the lock")
        await revoked(gateway, "ada")
        assert await client.closed() == REVOKED
        await wait_until(lambda: at_a_lock(database, 0), 20, "nobody at the lock")
    await patient.close()
    async with database.driver() as connection:
        row = await connection.fetchrow("SELECT version, unread FROM inboxes")
    assert row is not None
    assert tuple(row) == (1, 1)


async def test_a_revocation_is_of_one_tenant_and_kept_in_the_audit(
    gateway: httpx2.AsyncClient, pusher: Pusher, database: Database
) -> None:
    other = {"Authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    answer = await gateway.delete("/v1/subscribers/ada/sessions", headers=other)
    assert answer.status_code == 200
    async with pusher.connect("ada") as client:
        await caught_up(client)
    async with database.driver() as connection:
        row = await connection.fetchrow("SELECT tenant, actor, action, subject FROM audit")
    assert row is not None
    assert tuple(row) == ("acme", "test", "subscriber.revoke_sessions", "ada")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?jti=", 422, "invalid"),
        ("?jti=a&issued_before=2026-01-01T00:00:00Z", 422, "invalid"),
        ("?issued_before=2999-01-01T00:00:00Z", 422, "invalid"),
        ("?issued_before=today", 422, "invalid"),
        ("?all=true", 422, "invalid"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(
    gateway: httpx2.AsyncClient, query: str, status: int, code: str
) -> None:
    answer = await gateway.delete(f"/v1/subscribers/ada/sessions{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_it_takes_the_scope(gateway: httpx2.AsyncClient, database: Database) -> None:
    key = await make_key(database, scopes=["directory:write"])
    answer = await gateway.delete(
        "/v1/subscribers/ada/sessions", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_no_token_is_judged_before_the_store_was_read(database: Database) -> None:
    revocations = Revocations(database, lambda _: None)
    verifier = CheckedVerifier(SecretVerifier(SECRET), revocations)
    with pytest.raises(Unavailable):
        await verifier.verify(token("ada"))
    await revocations.read()
    assert (await verifier.verify(token("ada"))).subscriber == "ada"


async def test_what_has_run_out_is_forgotten(database: Database) -> None:
    """In the store with the next revocation, in memory by the clock."""
    now = time.time()
    heard: list[Revocation] = []
    revocations = Revocations(database, heard.append)
    for name, kept_until in (("ada", now - 1), ("bob", now + 60), ("eve", FAR)):
        async with database.transaction() as connection:
            await revoke(connection, Revocation(1, TENANT, name, None, now, kept_until))
    async with database.driver() as connection:
        assert await connection.fetchval("SELECT count(*) FROM revocations") == 2
        assert [
            one.subscriber for _, one in await changed_after(connection, RevocationCursor(), 9)
        ] == [
            "bob",
            "eve",
        ]
    await revocations.read()
    revocations.forget(now + 61)
    verifier = CheckedVerifier(SecretVerifier(SECRET), revocations)
    assert (await verifier.verify(token("bob", now=now - 5))).subscriber == "bob"
    with pytest.raises(Unauthorized):
        await verifier.verify(token("eve", now=now - 5))


async def at_a_lock(database: Database, how_many: int = 1) -> bool:
    """Whether so many of this database's connections wait for a lock."""
    async with database.driver() as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    return count == how_many


def rfc3339(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


async def test_pages_of_the_store_are_read_to_their_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.pusher.access.revocations.PAGE", 2)
    names = [f"user-{n}" for n in range(5)]
    async with database.transaction() as connection:  # one time of change for all
        for name in names:
            await revoke(connection, Revocation(1, TENANT, name, None, time.time(), FAR))
    heard: list[str] = []
    revocations = Revocations(database, lambda one: heard.append(one.subscriber))
    await revocations.read()
    await asyncio.gather(revocations.read(), revocations.read())
    assert heard == names
