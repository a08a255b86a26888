"""API keys: found once, dropped at once when revoked, good while the database is away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, text, update

from clarion.bus.protocol import Bus
from clarion.errors import StoreUnavailable, Unauthorized
from clarion.store.database import Database
from clarion.store.tables import api_keys
from clarion.tokens.api_keys import ApiKey, hash_api_key, new_api_key
from services.gateway.front.auth import Authenticator
from testbed.postgres import Databases
from testbed.processes import wait_until
from tests.support.gateway import gateway_client, make_key


def header(key: str) -> bytes:
    return f"Bearer {key}".encode()


async def revoke(database: Database, key: str) -> None:
    digest = hash_api_key(key)
    async with database.transaction() as connection:
        await connection.execute(
            update(api_keys).where(api_keys.c.hash == digest).values(revoked_at=func.now())
        )
        await connection.execute(
            text("SELECT pg_notify('clarion_keys', :hash)"), {"hash": digest.hex()}
        )


async def test_a_revoked_key_is_refused_at_once(memory_bus: Bus, database: Database) -> None:
    key = await make_key(database)
    headers = {"authorization": f"Bearer {key}"}

    async with gateway_client(memory_bus, database) as client:

        async def is_refused() -> bool:
            return (await client.get("/v1/topics", headers=headers)).status_code == 401

        assert not await is_refused()
        await revoke(database, key)
        await wait_until(is_refused, 10, "the revoked key to be refused")


async def test_a_new_key_works_although_it_was_tried_before(
    memory_bus: Bus, database: Database
) -> None:
    key = new_api_key()
    authenticator = Authenticator(database, None)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(header(key))
    watch = asyncio.create_task(authenticator.watch.run())
    made = await make_key(database)
    async with database.transaction() as connection:
        await connection.execute(
            update(api_keys)
            .where(api_keys.c.hash == hash_api_key(made))
            .values(hash=hash_api_key(key))
        )

    async def is_known() -> bool:
        async with database.transaction() as connection:
            payload = {"hash": hash_api_key(key).hex()}
            await connection.execute(text("SELECT pg_notify('clarion_keys', :hash)"), payload)
        return (await authenticator.authenticate(header(key))).tenant == "acme"

    await wait_until(is_known, 10, "the new key to be known")
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_an_expired_key_is_refused(database: Database) -> None:
    key = await make_key(database, expires_at=datetime.now(UTC) + timedelta(seconds=30))
    now = datetime.now(UTC).timestamp()
    times = iter([now, now, now + 31, now + 31])
    authenticator = Authenticator(database, None, clock=lambda: next(times))
    assert (await authenticator.authenticate(header(key))).tenant == "acme"
    with pytest.raises(Unauthorized) as refused:
        await authenticator.authenticate(header(key))
    assert refused.value.code == "key_expired"


async def test_a_known_key_goes_on_working_while_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await make_key(database)
    now = datetime.now(UTC).timestamp()
    clock = [now]
    authenticator = Authenticator(database, "of the settings", clock=lambda: clock[0])
    await authenticator.authenticate(header(key))

    def away() -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(database, "transaction", away)
    clock[0] = now + 3_600
    assert (await authenticator.authenticate(header(key))).tenant == "acme"
    assert (await authenticator.authenticate(header("of the settings"))).tenant == "default"
    with pytest.raises(StoreUnavailable):
        await authenticator.authenticate(header(new_api_key()))


async def test_a_storm_of_unknown_keys_costs_few_queries(database: Database) -> None:
    good = await make_key(database)
    authenticator = Authenticator(database, None)
    statements: list[str] = []

    def count(*arguments: Any) -> None:
        if "api_keys" in arguments[2]:
            statements.append(arguments[2])

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    keys = [good, *(new_api_key() for _ in range(1_000))]
    answers = await asyncio.gather(
        *(authenticator.authenticate(header(key)) for key in keys * 2), return_exceptions=True
    )
    known = [one for one in answers if isinstance(one, ApiKey)]
    assert [one.tenant for one in known] == ["acme", "acme"]
    assert sum(isinstance(one, Unauthorized) for one in answers) == 2_000
    assert len(statements) <= 4


async def test_a_lookup_that_began_before_the_end_of_a_key_brings_it_not_back(
    database: Database,
) -> None:
    key = await make_key(database)
    authenticator = Authenticator(database, None)
    asked, answer = asyncio.Event(), asyncio.Event()
    lookup: Any = authenticator._lookup  # pyright: ignore[reportPrivateUsage] (to hold its answer)
    query = lookup._query

    async def held(digests: Any) -> Any:
        found = await query(digests)
        asked.set()
        await answer.wait()
        return found

    lookup._query = held
    before = asyncio.create_task(authenticator.authenticate(header(key)))
    await asked.wait()
    await revoke(database, key)
    authenticator.watch._on_notice(None, 0, "", hash_api_key(key).hex())  # pyright: ignore[reportPrivateUsage]
    after = asyncio.create_task(authenticator.authenticate(header(key)))
    await asyncio.sleep(0)
    answer.set()
    for call in (before, after):
        with pytest.raises(Unauthorized):
            await call
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(header(key))


async def test_where_nothing_is_heard_keys_are_asked_for_again_and_it_is_not_ready(
    memory_bus: Bus, postgres_url: str, databases: Databases
) -> None:
    async with databases.fresh() as other:  # whatever listens there hears of none of our keys
        pool = Database(
            postgres_url,
            pool_size=4,
            timeout_s=5,
            application_name="clarion-test",
            direct_url=other,
        )
        key = await make_key(pool)
        headers = {"authorization": f"Bearer {key}"}
        async with gateway_client(memory_bus, pool) as client:

            async def is_refused() -> bool:
                return (await client.get("/v1/topics", headers=headers)).status_code == 401

            async def is_counted() -> bool:
                figures = (await client.get("/metrics")).text
                return "clarion_gateway_key_watch_losses_total 0.0" not in figures

            assert not await is_refused()
            await wait_until(is_counted, 20, "the loss to be counted")
            ready = await client.get("/readyz")
            await revoke(pool, key)
            await wait_until(is_refused, 10, "the revoked key to be refused")
        await pool.close()
    assert ready.status_code == 503
    assert ready.json()["checks"]["keys"] == "The gateway receives no notice of revoked keys."


async def test_a_watch_that_was_cut_off_comes_back(database: Database) -> None:
    authenticator = Authenticator(database, None)
    watch = asyncio.create_task(authenticator.watch.run())
    own = "application_name = 'clarion-gateway-keys' AND datname = current_database()"
    cut = text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}")
    await wait_until(lambda: authenticator.watch.is_proven, 10, "a watch that is proven")
    async with database.transaction() as connection:
        assert await connection.scalar(cut)
    await wait_until(lambda: not authenticator.watch.is_proven, 10, "its loss")
    await wait_until(lambda: authenticator.watch.is_proven, 20, "a watch that is proven again")
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
