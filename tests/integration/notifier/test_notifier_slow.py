"""Work that always takes longer than a statement may: its lane goes on, it is dead-lettered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Database
from services.notifier.ingest.lane_consumer import MAX_HELD
from services.notifier.settings import NotifierSettings
from tests.support.gateway import gateway_client
from tests.support.notifier import (
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    wait_for_rows,
)

TIMEOUT_S = 1.0
SLOW = "slow"
OTHERS = 40

SLEEP = f"""
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.tenant = '{SLOW}' OR NEW.title = '{SLOW}' THEN PERFORM pg_sleep(60); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dawdle BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION dawdle()
"""
SLEEP_ON_EVENTS = f"""
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.tenant = '{SLOW}' THEN PERFORM pg_sleep(60); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dawdle BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION dawdle()
"""
MEND = "DROP FUNCTION dawdle() CASCADE"

OTHERS_PLANNED = f"SELECT 1 FROM events WHERE tenant <> '{SLOW}' AND state = 'planned'"
PARKED = "SELECT * FROM parked ORDER BY id"
TOLD = "SELECT subscriber FROM notifications WHERE title = 'slow' ORDER BY subscriber"


@pytest.fixture
async def hasty(postgres_url: str) -> AsyncIterator[Database]:
    """A pool whose statements end after a second."""
    opened = Database(
        postgres_url, pool_size=8, timeout_s=TIMEOUT_S, application_name="clarion-test"
    )
    yield opened
    await opened.close()


async def execute(database: Database, statement: str) -> None:
    async with database.driver() as tx:
        await tx.execute(statement)


@pytest.mark.parametrize("trap", [SLEEP, SLEEP_ON_EVENTS], ids=["notifications", "events"])
async def test_others_are_planned_and_the_slow_event_is_dead_lettered(
    trap: str, bus: Bus, database: Database, hasty: Database
) -> None:
    await execute(database, trap)
    first = [envelope(event(id=f"s{n}"), tenant=SLOW) for n in range(2)]
    async with running_notifiers(bus, hasty):
        await publish(bus, *first)
        await publish(bus, *(envelope(event(), tenant=f"t{n % 5}") for n in range(OTHERS)))
        await wait_for_rows(database, OTHERS_PLANNED, OTHERS)
        parked = await wait_for_rows(database, PARKED, 2, timeout_s=60)
        await publish(bus, envelope(event(), tenant="after"))
        await wait_for_rows(database, "SELECT 1 FROM events WHERE tenant = 'after'", 1)
    assert {(one["reason"], one["tenant"]) for one in parked} == {("took_too_long", SLOW)}
    assert "QueryCanceledError" in parked[0]["detail"]


async def test_neighbours_in_the_same_envelope_are_planned_and_a_redrive_plans_the_slow_one(
    bus: Bus, database: Database, hasty: Database
) -> None:
    await execute(database, SLEEP)
    events = [event(id=f"e{n}", content={"title": f"e{n}"}) for n in range(OTHERS)]
    events[7]["content"] = {"title": SLOW}
    async with gateway_client(bus, database) as client, running_notifiers(bus, hasty):
        assert (await client.post("/v1/events", json=events)).status_code == 202
        await wait_for_rows(
            database, "SELECT 1 FROM events WHERE state = 'planned'", OTHERS - 1, timeout_s=60
        )
        await wait_for_rows(database, PARKED, 1, timeout_s=60)
        (listed,) = (await client.get("/v1/parked")).json()["items"]
        record = (await client.get("/v1/events/e7")).json()
        await execute(database, MEND)
        await client.post(f"/v1/parked/{listed['id']}/redrive")
        await wait_for_rows(database, TOLD, 1)
    assert (listed["reason"], record["state"]) == ("took_too_long", "parked")


async def test_many_slow_messages_of_one_tenant_do_not_fill_the_lane(
    bus: Bus, database: Database, hasty: Database
) -> None:
    """More than a worker may hold unacknowledged, each in its own message."""
    await execute(database, SLEEP)
    await publish(bus, *(envelope(event(), tenant=SLOW) for _ in range(200)))
    await publish(bus, envelope(event(), tenant="behind"))
    async with running_notifiers(bus, hasty):
        await wait_for_rows(database, OTHERS_PLANNED, 1, timeout_s=60)
    reasons = await rows(database, "SELECT reason, tenant, count(*) AS n FROM parked GROUP BY 1, 2")
    assert [(one["reason"], one["tenant"]) for one in reasons] == [("took_too_long", SLOW)]
    assert reasons[0]["n"] >= MAX_HELD


async def test_a_row_that_another_holds_locked_does_not_hold_the_lane(
    bus: Bus, database: Database, hasty: Database
) -> None:
    await execute(database, "INSERT INTO inboxes VALUES ('default', 'held', 0, 0)")
    async with running_notifiers(bus, hasty), database.driver() as tx:
        await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await tx.execute("SELECT 1 FROM inboxes WHERE subscriber = 'held' FOR UPDATE")
        await publish(bus, envelope(event(to="user:held")))
        await publish(bus, *(envelope(event(), tenant="t") for _ in range(OTHERS)))
        await wait_for_rows(database, OTHERS_PLANNED, OTHERS)
        (parked,) = await wait_for_rows(database, PARKED, 1, timeout_s=60)
    assert parked["reason"] == "took_too_long"


async def test_a_table_that_another_holds_locked_is_a_condition_of_the_environment(
    memory_bus: Bus, database: Database, hasty: Database
) -> None:
    """Nothing can be planned then, so nothing is the event's fault, however long it lasts."""
    async with running_notifiers(memory_bus, hasty):
        async with database.driver() as tx:
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await tx.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
            await publish(memory_bus, *(envelope(event()) for _ in range(3)))
            await asyncio.sleep(0)
            await wait_until_waited(database, 6)
        await wait_for_rows(database, OTHERS_PLANNED, 3)
    assert await rows(database, PARKED) == []


async def wait_until_waited(database: Database, times: int) -> None:
    """So often a backend of the notifier was seen to begin to wait for a lock."""
    query = """
    SELECT DISTINCT query_start FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    seen: set[object] = set()
    async with asyncio.timeout(60):
        while len(seen) < times:
            seen |= {one["query_start"] for one in await rows(database, query)}
            await asyncio.sleep(0.02)


async def test_a_slice_that_is_always_too_slow_is_dead_lettered_and_redriven(
    bus: Bus, database: Database, hasty: Database
) -> None:
    await execute(database, SLEEP)
    members = [f"m{n:05}" for n in range(SLICE_SIZE + 200)]
    await execute(
        database,
        "INSERT INTO topic_members (tenant, topic, subscriber) SELECT 'default', 'all',"
        f" 'm' || lpad(n::text, 5, '0') FROM generate_series(0, {SLICE_SIZE + 199}) n",
    )
    large = event(to="topic:all", content={"title": SLOW})
    async with gateway_client(bus, database) as client, running_notifiers(bus, hasty):
        await publish(bus, envelope(large))
        await publish(bus, *(envelope(event(), tenant="t") for _ in range(OTHERS)))
        await wait_for_rows(database, "SELECT 1 FROM events WHERE tenant = 't'", OTHERS)
        await wait_for_rows(database, PARKED, 1, timeout_s=60)
        (listed,) = (await client.get("/v1/parked")).json()["items"]
        await execute(database, MEND)
        await client.post(f"/v1/parked/{listed['id']}/redrive")
        told = await wait_for_rows(database, TOLD, len(members), timeout_s=60)
    assert listed["reason"] == "took_too_long"
    assert [one["subscriber"] for one in told] == members


async def test_a_slice_that_is_too_slow_at_its_size_is_planned_in_smaller_ones(
    bus: Bus, database: Database, hasty: Database
) -> None:
    """Each row takes a while: a thousand take too long, and a hundred do not."""
    brief = SLEEP.replace("pg_sleep(60)", "pg_sleep(0.002)")
    await execute(database, brief)
    await execute(
        database,
        "INSERT INTO topic_members (tenant, topic, subscriber) SELECT 'default', 'all',"
        f" 'm' || lpad(n::text, 5, '0') FROM generate_series(0, {SLICE_SIZE + 199}) n",
    )
    async with running_notifiers(bus, hasty, NotifierSettings()):
        await publish(bus, envelope(event(to="topic:all", content={"title": SLOW})))
        await wait_for_rows(database, TOLD, SLICE_SIZE + 200, timeout_s=60)
    assert await rows(database, PARKED) == []
