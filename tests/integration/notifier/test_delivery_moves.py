"""Whatever senders, dispatch, callers and admins do at once, the store sees legal moves only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.rules import retry
from clarion.rules.delivery_states import BEGIN, MOVES, State
from clarion.rules.outcomes import Failed, Outcome, Retry, Unknown
from clarion.store.database import Database
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.provider_chain import ProviderSlot
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.sources import due_sources
from testbed.processes import wait_until
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

WATCH = """
CREATE TABLE moves (before text, after text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO moves VALUES (CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state);
  RETURN NEW;
END $$;
CREATE TRIGGER watch_new AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION watch();
CREATE TRIGGER watch_moved AFTER UPDATE ON deliveries FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION watch();
"""
LAPSE = """
UPDATE deliveries SET leased_until = now(), due_at = now()
WHERE id = (SELECT id FROM deliveries WHERE state = 'sending' ORDER BY random() LIMIT 1)
"""
"""A sender that died."""
EXPIRE = """
UPDATE deliveries SET expires_at = now()
WHERE id IN (SELECT id FROM deliveries WHERE state = 'scheduled' LIMIT $1)
"""
WAYS = {"queued", "sending", "sent", "failed", "dead", "scheduled", "cancelled", "expired"}
"""Where a delivery can end up: the acts go on until each has been seen."""
COUNT = 120
EXPIRED = 20


class Moody(CaptureProvider):
    """A provider with every kind of answer."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def send(self, delivery: Outgoing) -> Outcome:
        """One of four outcomes, after a turn or two."""
        await asyncio.sleep(self._random.random() / 100)
        ends = (Retry("deferred"), Unknown("timeout"), Failed("rejected"))
        return self._random.choice((*ends, await super().send(delivery)))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_move_beside_the_table_is_ever_written(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    monkeypatch.setattr(retry, "STEPS_S", {"email": (0.01, 0.02)})
    async with database.driver() as tx:
        await tx.execute(WATCH)
    await plan(memory_bus, database)
    ids: list[UUID] = [row["id"] for row in await rows(database, "SELECT id FROM deliveries")]
    rounds = DeliveryAttempts(
        "email",
        database=database,
        chain=(ProviderSlot("email", Moody(random)),),
        timeout_s=30,
        stopping=asyncio.Event(),
    )
    dispatchers = [
        Dispatcher(due_sources(database, Publisher(memory_bus, shards=1))) for _ in range(2)
    ]

    async def send() -> None:
        leases = await rounds.claim(random.sample(ids, 20))
        async with asyncio.TaskGroup() as group:
            for lease in leases:
                group.create_task(rounds.deliver(lease))

    async def lapse() -> None:
        async with database.driver() as tx:
            await tx.execute(LAPSE)

    async def ask(client: httpx2.AsyncClient) -> None:
        one = random.choice(ids)
        path = random.choice((f"/v1/deliveries/{one}/retry", "/v1/deliveries/redrive", ""))
        if path:
            state = random.choice(("failed", "dead", "expired"))
            body = {"state": state, "rate_per_s": 1000} if path.endswith("redrive") else None
            assert (await client.post(path, json=body)).status_code in (200, 409)
            return
        (row,) = await rows(database, f"SELECT notification FROM deliveries WHERE id = '{one}'")
        answer = await client.post(f"/v1/notifications/{row['notification']}/cancel")
        assert answer.status_code == 200

    async def seen_all() -> bool:
        return {after for _, after in await moves(database)} >= WAYS

    async with gateway_client(memory_bus, database) as client, asyncio.TaskGroup() as group:
        acts: list[Callable[[], Awaitable[object]]] = [
            send,
            send,
            dispatchers[0].dispatch_due,
            dispatchers[1].dispatch_due,
            lapse,
            lambda: ask(client),
        ]
        done = asyncio.Event()
        for act in acts:
            group.create_task(repeat(act, done))
        await wait_until(seen_all, 60, "each state was reached")
        done.set()
    seen = await moves(database)
    legal = {(before.value, after.value) for before in State for after in MOVES[before]}
    began = {after for before, after in seen if before is None}
    assert began <= {state.value for state in BEGIN}
    assert {move for move in seen if move[0] is not None} <= legal


async def plan(bus: Bus, database: Database) -> None:
    """Deliveries that wait, some of which have expired and some of which do so soon."""
    soon = datetime.now(UTC) + timedelta(seconds=1)
    ann = {"id": "ann", "email": "ann@example.org"}
    later = {"send_at": "2999-01-01T00:00:00Z"}
    events = [
        event(
            to=ann,
            channels=["email"],
            **({"expires_at": soon.isoformat()} if n % 3 == 0 else later if n % 3 == 1 else {}),
        )
        for n in range(COUNT)
    ]
    async with running_notifiers(bus, database):
        await publish(bus, envelope(*events))
        await wait_for_rows(database, "SELECT 1 FROM deliveries", COUNT)
    async with database.driver() as tx:
        await tx.execute(EXPIRE, EXPIRED)
        await tx.execute("UPDATE deliveries SET due_at = now() WHERE state = 'scheduled'")


async def moves(database: Database) -> set[tuple[str | None, str]]:
    """State before and after, for every kind of move that was written until now."""
    return {
        (one["before"], one["after"])
        for one in await rows(database, "SELECT DISTINCT before, after FROM moves")
    }


async def repeat(act: Callable[[], Awaitable[object]], done: asyncio.Event) -> None:
    """Do it sixty times and then until done, with others in between."""
    turns = 0
    while turns < 60 or not done.is_set():
        await act()
        await asyncio.sleep(0)
        turns += 1
