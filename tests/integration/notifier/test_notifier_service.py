"""The notifier as a service: outages, stopping, dead letters, housekeeping, operations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx2
import msgspec
import pytest

from clarion.bus.protocol import Bus, Message
from clarion.errors import ConfigurationError, StoreUnavailable
from clarion.rules.outcomes import Outcome
from clarion.store.database import Database, Driver
from clarion.topology import DELIVERIES, deliveries_queue
from services.notifier.app import Notifier, create_app
from services.notifier.plan import batch
from services.notifier.plan.claim import BatchClaims
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.schedule.housekeeping import Housekeeper
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from tests.support.notifier import (
    Row,
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    wait_for_rows,
)

ANN = {"id": "ann", "email": "ann@example.org"}
ALL_PARKED = "SELECT * FROM parked ORDER BY id"


async def test_events_wait_while_the_database_is_away(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = 3
    claim_keys = batch.claim_keys

    async def failing(tx: Driver, entries: Sequence[object]) -> BatchClaims:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StoreUnavailable("Away.")
        return await claim_keys(tx, entries)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(batch, "claim_keys", failing)
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(), event()))
        await wait_for_rows(database, "SELECT 1 FROM notifications", 2)
    assert await rows(database, ALL_PARKED) == []


async def test_a_notifier_that_cannot_write_is_not_ready_though_the_database_answers(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True
    claim_keys = batch.claim_keys

    async def failing(tx: Driver, entries: Sequence[object]) -> BatchClaims:
        if full:
            raise StoreUnavailable("The disk is full.")
        return await claim_keys(tx, entries)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(batch, "claim_keys", failing)
    notifier = Notifier(NotifierSettings(plan_workers=1), bus=memory_bus, database=database)
    await notifier.start()

    async def is_held() -> bool:
        return await notifier.check_loops() == "plan.normal.0: held by StoreUnavailable"

    async def is_ready() -> bool:
        return await notifier.check_loops() is None

    try:
        assert await is_ready()
        await publish(memory_bus, envelope(event()))
        await wait_until(is_held, 20, "a plan that is held")
        assert await notifier.check_database() is None
        full = False
        await wait_until(is_ready, 20, "a plan that goes on")
    finally:
        await notifier.stop(10)


async def test_a_dead_letter_is_moved_into_the_table(bus: Bus, database: Database) -> None:
    async with running_notifiers(bus, database):
        headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        await bus.publish(DELIVERIES, "email.normal", Message(b"{", "text/plain", headers))
        (parked,) = await wait_for_rows(database, ALL_PARKED, 1)
    assert (parked["queue"], parked["reason"]) == (deliveries_queue("email", "normal"), "rejected")
    assert (parked["body"], parked["content_type"]) == (b"{", "text/plain")
    assert parked["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


async def test_stopping_finishes_what_is_being_sent(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    send = CaptureProvider.send

    async def slowly(self: CaptureProvider, delivery: Outgoing) -> Outcome:
        begun.set()
        await go_on.wait()
        return await send(self, delivery)

    monkeypatch.setattr(CaptureProvider, "send", slowly)
    settings = NotifierSettings(send_concurrency=1)
    app = create_app(settings, bus=memory_bus, database=database)
    context = app.router.lifespan_context(app)
    await context.__aenter__()
    await publish(memory_bus, envelope(*[event(to=ANN, channels=["email"]) for _ in range(3)]))
    await begun.wait()
    stopping = asyncio.create_task(context.__aexit__(None, None, None))
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    states = await rows(database, "SELECT state, count(*) FROM deliveries GROUP BY 1 ORDER BY 1")
    assert states == [{"state": "queued", "count": 2}, {"state": "sent", "count": 1}]
    async with running_notifiers(memory_bus, database):
        await wait_for_rows(database, "SELECT 1 FROM captures", 3)
    assert len(await rows(database, "SELECT 1 FROM attempts")) == 3


async def test_captures_are_bounded_per_tenant(database: Database) -> None:
    """Also of one that has no API key, whose services publish over AMQP."""
    async with database.driver() as tx:
        await tx.execute("INSERT INTO tenants (id) VALUES ('acme')")
        for tenant, count in (("default", 30), ("acme", 5), ("by-amqp-only", 12)):
            await tx.execute(
                "INSERT INTO captures (id, tenant, delivery, channel, recipient, message)"
                " SELECT lpad(n::text, 32, '0')::uuid, $1,"
                "  md5($1 || n)::uuid, 'sms', '+1', '{}' FROM generate_series($2::int, $3::int) n",
                tenant,
                len(tenant) * 1000,
                len(tenant) * 1000 + count - 1,
            )
    await Housekeeper(database, captures_kept=10).trim()
    left = await rows(database, "SELECT tenant, count(*) FROM captures GROUP BY 1 ORDER BY 1")
    assert {one["tenant"]: one["count"] for one in left} == {
        "acme": 5,
        "by-amqp-only": 10,
        "default": 10,
    }
    newest = await rows(database, "SELECT max(id::text) AS id FROM captures GROUP BY tenant")
    assert {one["id"][-4:] for one in newest} == {"4004", "2011", "7029"}


async def test_readiness_says_what_is_wrong(memory_bus: Bus, database: Database) -> None:
    app = create_app(NotifierSettings(), bus=memory_bus, database=database)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://notifier") as http,
    ):
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]) == (
            200,
            {"broker": "ok", "database": "ok", "clock": "ok", "loops": "ok", "partitions": "ok"},
        )
        assert "clarion_plan_seconds" in (await http.get("/metrics")).text
        await memory_bus.close()
        refused = await http.get("/readyz")
        assert refused.status_code == 503
        assert refused.json()["checks"]["broker"] != "ok"


def test_a_wrong_provider_stops_the_start(memory_bus: Bus, database: Database) -> None:
    with pytest.raises(ConfigurationError, match="CLARION_SMS"):
        create_app(NotifierSettings(sms=["smtp://h"]), bus=memory_bus, database=database)


async def test_a_single_event_over_amqp_needs_no_envelope(bus: Bus, database: Database) -> None:
    sent = event(id="e-1", source="shop", data={"n": 1})
    binary = Message(
        msgspec.json.encode({"n": 2}),
        "application/json",
        {
            "ce-specversion": "1.0",
            "ce-id": "e-2",
            "ce-source": "shop",
            "ce-type": "order.shipped",
            "ce-to": "user:42",
        },
    )
    async with running_notifiers(bus, database):
        await publish(bus, Message(msgspec.json.encode(sent), "application/json"), binary)
        stored = await wait_for_rows(database, "SELECT * FROM events ORDER BY event_id", 2)
    assert [_told(one) for one in stored] == [
        ("default", "shop", "e-1", {"n": 1}),
        ("default", "shop", "e-2", {"n": 2}),
    ]


def _told(row: Row) -> tuple[object, ...]:
    return row["tenant"], row["source"], row["event_id"], row["body"]["data"]
