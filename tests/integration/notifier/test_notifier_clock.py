"""A notifier whose clock is wrong plans, holds, retries and dispatches by the database's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import httpx2
import pytest
from asgi_lifespan import LifespanManager
from prometheus_client import REGISTRY
from starlette.types import ASGIApp

from clarion import clock
from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.gateway.app import create_app as create_gateway
from services.notifier.app import create_app
from services.notifier.providers import circuit_breaker
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule import housekeeping
from services.notifier.schedule.dispatcher import until_next_s
from services.notifier.schedule.due_source import TICK_S
from services.notifier.schedule.housekeeping import Housekeeper
from services.notifier.schedule.sources import due_sources
from services.notifier.settings import NotifierSettings
from services.pusher.app import create_app as create_pusher
from services.pusher.settings import PusherSettings
from testbed.processes import free_port, wait_until
from testbed.smtp import running_smtp
from tests.support.catalogue import PARTITIONS
from tests.support.gateway import SECRET, settings_of
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
WAITING = "SELECT * FROM deliveries WHERE state = 'scheduled'"
SHIFTS = [-600.0, 20.0, 600.0]


@pytest.fixture(autouse=True)
def right_again() -> Iterator[None]:
    """The clock of this process, after the test."""
    yield
    clock.shift(0)


@pytest.mark.parametrize("shift", SHIFTS)
async def test_a_retry_waits_its_step(
    memory_bus: Bus, database: Database, tmp_path: Path, shift: float
) -> None:
    clock.shift(shift)
    async with running_smtp(tmp_path) as box:
        box.answers.append("451 4.3.0 Later")
        settings = NotifierSettings(email=[box.url])
        async with running_notifiers(memory_bus, database, settings):
            expires_at = (datetime.now(UTC) + timedelta(seconds=25)).isoformat()
            await publish(
                memory_bus, envelope(event(to=[ANN], channels=["email"], expires_at=expires_at))
            )
            (delivery,) = await wait_for_rows(database, WAITING, 1)
    assert 8 <= (delivery["due_at"] - delivery["updated_at"]).total_seconds() <= 12.1
    (attempt,) = await rows(database, "SELECT started_at, now() AS now FROM attempts")
    assert timedelta(0) <= attempt["now"] - attempt["started_at"] < timedelta(seconds=60)


@pytest.mark.parametrize("shift", SHIFTS)
async def test_a_rest_is_as_long_as_the_breaker_says(
    memory_bus: Bus, database: Database, shift: float
) -> None:
    clock.shift(shift)
    nowhere = f"smtp://127.0.0.1:{free_port()}?from=a@shop.example"
    settings = NotifierSettings(email=[nowhere], send_concurrency=1)
    async with running_notifiers(memory_bus, database, settings):
        many = [event(to=[ANN], channels=["email"]) for _ in range(circuit_breaker.FAILURES + 3)]
        await publish(memory_bus, envelope(*many))
        query = WAITING + " AND attempt_count = 0"
        found = await wait_for_rows(database, query, 3)
    waits = [(one["due_at"] - one["updated_at"]).total_seconds() for one in found]
    assert all(0 < wait <= circuit_breaker.MAX_REST_S + 2 for wait in waits), waits


@pytest.mark.parametrize("shift", SHIFTS)
async def test_what_is_held_is_planned_and_due_by_the_one_clock(
    memory_bus: Bus, database: Database, shift: float
) -> None:
    clock.shift(shift)
    now = datetime.now(UTC)
    held = event(to=[ANN], channels=["email"], send_at=(now + timedelta(seconds=100)).isoformat())
    due = event(to=[ANN], channels=["email"], send_at=(now - timedelta(seconds=5)).isoformat())
    late = event(to=[ANN], channels=["email"], expires_at=(now - timedelta(seconds=5)).isoformat())
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(held, due, late))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
        await wait_for_rows(database, WAITING, 1)
    assert len(await rows(database, "SELECT 1 FROM deliveries")) == 2
    (planned,) = await rows(
        database, "SELECT max(abs(extract(epoch FROM now() - planned_at))) AS s FROM events"
    )
    assert planned["s"] < 60


@pytest.mark.parametrize("shift", SHIFTS)
async def test_dispatch_sleeps_until_the_database_says_that_something_is_due(
    memory_bus: Bus, database: Database, shift: float
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=15)).isoformat()
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=[ANN], channels=["email"], send_at=soon)))
        await wait_for_rows(database, WAITING, 1)
    clock.shift(shift)
    for source in due_sources(database, Publisher(memory_bus, shards=1)):
        assert await until_next_s(source) == TICK_S


def notifier(bus: Bus, database: Database) -> ASGIApp:
    return create_app(NotifierSettings(), bus=bus, database=database)


def gateway(bus: Bus, database: Database) -> ASGIApp:
    return create_gateway(settings_of(), bus=bus, database=database)


def pusher(bus: Bus, database: Database) -> ASGIApp:
    return create_pusher(PusherSettings(token_secret=SECRET), bus=bus, database=database)


@pytest.mark.parametrize(("shift", "word"), [(-600.0, "behind"), (20.0, "ahead of")])
@pytest.mark.parametrize("service", [notifier, gateway, pusher])
async def test_readiness_says_that_the_clock_is_wrong(
    memory_bus: Bus,
    database: Database,
    shift: float,
    word: str,
    service: Callable[[Bus, Database], ASGIApp],
) -> None:
    async with (
        LifespanManager(service(memory_bus, database)) as manager,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=manager.app), base_url="http://service"
        ) as client,
    ):
        right = await client.get("/readyz")
        clock.shift(shift)
        wrong = await client.get("/readyz")
        clock.shift(0)
        again = await client.get("/readyz")
    assert right.json()["checks"]["clock"] == again.json()["checks"]["clock"] == "ok"
    assert wrong.status_code == 503
    assert f"s {word} the database's" in wrong.json()["checks"]["clock"]


class MonthsAhead(datetime):
    """What a machine believes whose clock has jumped."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + timedelta(days=150)


async def test_months_begin_by_the_clock_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "datetime", MonthsAhead)
    keeper = Housekeeper(database, captures_kept=1)
    before = await rows(database, PARTITIONS)
    await keeper.look()
    assert (keeper.months_ahead, keeper.is_month_missing) == (2, False)
    assert await rows(database, PARTITIONS) == before


async def test_a_clock_that_was_months_ahead_stops_planning_only_so_long(
    memory_bus: Bus, database: Database
) -> None:
    async with running_notifiers(memory_bus, database):
        before = retries()
        clock.shift(timedelta(days=150).total_seconds())
        await publish(memory_bus, envelope(event(to=[ANN], channels=["inbox", "email"])))
        held = await rows(database, "SELECT 1 FROM events")
        await wait_until(lambda: retries() > before, 20, "planning is held")
        clock.shift(0)
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
    assert held == []


def retries() -> float:
    """How often planning had to wait so far."""
    return REGISTRY.get_sample_value("clarion_plan_retries_total") or 0.0
