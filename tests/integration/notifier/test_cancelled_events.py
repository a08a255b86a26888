"""Cancelled is a fact of the event: it is not told later, whoever has it worked on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Database
from services.notifier.drafts import Draft, EventDraft
from services.notifier.plan import drafting, slices
from services.notifier.settings import NotifierSettings
from testbed.smtp import running_smtp
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
BOTH: dict[str, Any] = {"to": [ANN, "topic:all"], "channels": ["inbox", "email"]}
PLANNED = "SELECT * FROM events WHERE state = 'planned'"
TOLD = "SELECT 1 FROM notifications"


async def cancel(client: httpx2.AsyncClient, event_id: str, status: int = 200) -> dict[str, Any]:
    answer = await client.post(f"/v1/events/{event_id}/cancel")
    assert answer.status_code == status, answer.text
    return answer.json()


def reasons(record: dict[str, Any]) -> set[tuple[str, str]]:
    """(decision, reason) of everybody and every channel."""
    return {
        (decision["decision"], decision["reason"])
        for person in record["recipients"]
        for decision in person["decisions"]
    }


async def test_what_was_accepted_before_and_planned_later_is_told_nobody(
    memory_bus: Bus, database: Database
) -> None:
    await publish(memory_bus, envelope(event(id="o-1", **BOTH)))
    async with gateway_client(memory_bus, database) as client:
        refusal = await cancel(client, "o-1", 404)
        await publish(memory_bus, envelope(event(id="o-2", **BOTH)))
        async with running_notifiers(memory_bus, database):
            await wait_for_rows(database, PLANNED, 2)
            await wait_for_rows(database, "SELECT 1 FROM captures", 1)
        told = (await client.get("/v1/events/o-1")).json()
        other = (await client.get("/v1/events/o-2")).json()
        assert (await cancel(client, "o-1"))["cancelled"] == 0
    assert refusal["code"] == "not_found"
    assert reasons(told) == {("skip", "cancelled")}
    assert [one["subscriber"] for one in told["recipients"]] == ["ann", None]
    assert reasons(other) == {("send", "requested")}
    assert any("cancelled before it was planned" in one["detail"] for one in told["timeline"])


async def test_what_is_accepted_after_a_cancellation_of_its_id_is_told(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await cancel(client, "o-1", 404)
        await publish(memory_bus, envelope(event(id="o-1", **BOTH)))
        async with running_notifiers(memory_bus, database):
            await wait_for_rows(database, "SELECT 1 FROM captures", 1)


async def test_a_dead_lettered_event_that_is_redriven_stays_cancelled(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(*_: object, **__: object) -> Draft:
        raise ZeroDivisionError

    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(drafting, "draft_for", divide)
            await publish(memory_bus, envelope(event(id="o-1", **BOTH)))
            (parked,) = await wait_for_rows(database, "SELECT id FROM parked", 1)
        await cancel(client, "o-1")
        assert (await client.post(f"/v1/parked/{parked['id']}/redrive")).status_code == 200
        await wait_for_rows(database, PLANNED, 1)
        told = (await client.get("/v1/events/o-1")).json()
    assert reasons(told) == {("skip", "cancelled")}
    assert await rows(database, TOLD) == []
    assert [one["what"] for one in told["timeline"]].count("cancel") == 1


async def test_a_dead_lettered_slice_that_is_redriven_stays_cancelled(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.driver() as tx:
        await tx.execute(
            "INSERT INTO topic_members (tenant, topic, subscriber)"
            " SELECT 'default', 'all', 's' || to_char(n, 'FM00000') FROM generate_series(1, $1) n",
            SLICE_SIZE + 200,
        )
    draft_for = slices.draft_for

    def divide(draft: EventDraft, subscriber: str, *more: Any, **named: Any) -> Draft:
        if subscriber > f"s{SLICE_SIZE:05}":
            raise ZeroDivisionError
        return draft_for(draft, subscriber, *more, **named)

    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(slices, "draft_for", divide)
            await publish(memory_bus, envelope(event(id="o-1", to="topic:all")))
            (parked,) = await wait_for_rows(database, "SELECT id FROM parked", 1)
        told = len(await rows(database, TOLD))
        await cancel(client, "o-1")
        assert (await client.post(f"/v1/parked/{parked['id']}/redrive")).status_code == 200
        await wait_for_rows(database, "SELECT 1 FROM slices WHERE due_at IS NULL", 2)
    assert (told, len(await rows(database, TOLD))) == (SLICE_SIZE, SLICE_SIZE)


@asynccontextmanager
async def failed_delivery(
    bus: Bus, database: Database, directory: Any
) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[str, Any]]]:
    """A client, and a delivery that its provider refused for good."""
    async with running_smtp(directory) as box:
        box.answers.append("550 5.7.1 No")
        async with (
            gateway_client(bus, database) as client,
            running_notifiers(bus, database, NotifierSettings(email=[box.url])),
        ):
            await publish(bus, envelope(event(id="o-1", to=[ANN], channels=["email"])))
            query = "SELECT * FROM deliveries WHERE state = 'failed'"
            (delivery,) = await wait_for_rows(database, query, 1)
            yield client, delivery
        assert box.messages == []


@pytest.mark.parametrize("whole", [True, False])
async def test_a_failed_delivery_of_what_is_cancelled_is_not_sent_again(
    memory_bus: Bus, database: Database, tmp_path: Any, whole: bool
) -> None:
    async with failed_delivery(memory_bus, database, tmp_path) as (client, delivery):
        if whole:
            await cancel(client, "o-1")
        else:
            path = f"/v1/notifications/{delivery['notification']}/cancel"
            assert (await client.post(path)).status_code == 200
        one = await client.post(f"/v1/deliveries/{delivery['id']}/retry")
        body = {"state": "failed", "notification": str(delivery["notification"])}
        many = await client.post("/v1/deliveries/redrive", json=body)
        preview = await client.post("/v1/deliveries/redrive", json={**body, "preview": True})
    assert (one.status_code, one.json()["code"]) == (409, "delivery_cancelled")
    assert (many.json()["redriven"], preview.json()["count"]) == (0, 0)
    (row,) = await rows(database, "SELECT state FROM deliveries")
    assert row == {"state": "failed"}


async def test_a_claim_and_a_release_ask_whether_it_was_cancelled(
    memory_bus: Bus, database: Database
) -> None:
    """As where the cancellation came while the event was being planned."""
    async with running_notifiers(memory_bus, database):
        held = event(
            id="o-1", to=[ANN], channels=["inbox", "email"], send_at="2999-01-01T00:00:00Z"
        )
        await publish(memory_bus, envelope(held))
        await wait_for_rows(database, "SELECT 1 FROM deliveries", 1)
        async with database.driver() as tx:
            await tx.execute(
                "INSERT INTO cancellations (tenant, event_id, source, accepted_before, actor)"
                " VALUES ('default', 'o-1', '', now(), 'key')"
            )
            await tx.execute("UPDATE deliveries SET due_at = now()")
            await tx.execute("UPDATE notifications SET due_at = now()")
        query = "SELECT reason FROM deliveries WHERE state = 'skipped'"
        assert await wait_for_rows(database, query, 1) == [{"reason": "cancelled"}]
        query = "SELECT version, decisions FROM notifications WHERE due_at IS NULL"
        (item,) = await wait_for_rows(database, query, 1)
    assert item["version"] is None
    assert item["decisions"][0] == {"channel": "inbox", "decision": "skip", "reason": "cancelled"}
