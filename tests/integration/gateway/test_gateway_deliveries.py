"""Deliveries are listed, sent again and counted, by their tenant only."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from clarion.bus.protocol import Bus
from clarion.contracts.ids import new_id
from clarion.store.database import Database
from clarion.store.tables import audit, deliveries
from tests.support.gateway import at, gateway_client, make_key
from tests.support.gateway_rows import (
    TRACE_ID,
    put_attempt,
    put_delivery,
    put_event,
    put_notification,
)
from tests.support.notifier import running_notifiers, wait_for_rows

PAST = datetime(2026, 1, 1, tzinfo=UTC)


async def put_notified(database: Database) -> UUID:
    """A notification to hang deliveries on."""
    return await put_notification(database, await put_event(database, at("12:00:00")))


async def row_of(database: Database, delivery: UUID) -> Any:
    """The delivery as it is stored."""
    async with database.transaction() as connection:
        found = await connection.execute(select(deliveries).where(deliveries.c.id == delivery))
        return found.one()


async def changes_in(database: Database) -> list[tuple[str, str, str, Any]]:
    """All that was recorded: actor, action, subject, detail."""
    columns = audit.c
    wanted = select(columns.actor, columns.action, columns.subject, columns.detail)
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(wanted.order_by(columns.id))]


async def test_filters_find_what_they_name(memory_bus: Bus, database: Database) -> None:
    notification = await put_notified(database)
    sent = await put_delivery(database, notification, created_at=at("12:00:00"))
    other = await put_notification(database, await put_event(database, at("12:00:00")))
    dead = await put_delivery(
        database,
        other,
        state="dead",
        channel="sms",
        provider="twilio",
        reason="attempts_used_up",
        created_at=at("13:00:00"),
    )
    both = [str(dead), str(sent)]
    expected: list[tuple[dict[str, str], list[str]]] = [
        ({}, both),
        ({"state": "dead"}, both[:1]),
        ({"channel": "email"}, both[1:]),
        ({"provider": "twilio"}, both[:1]),
        ({"reason": "attempts_used_up"}, both[:1]),
        ({"notification": str(notification)}, both[1:]),
        ({"state": "sent", "channel": "sms"}, []),
    ]
    async with gateway_client(memory_bus, database) as client:
        for filters, ids in expected:
            answer = await client.get("/v1/deliveries", params=filters)
            assert [one["id"] for one in answer.json()["items"]] == ids, filters
        (first,) = (await client.get("/v1/deliveries", params={"limit": 1})).json()["items"]
    del first["updated_at"]
    assert first == {
        "id": str(dead),
        "notification": str(other),
        "subscriber": "42",
        "channel": "sms",
        "lane": "normal",
        "state": "dead",
        "reason": "attempts_used_up",
        "provider": "twilio",
        "recipient": "a@b.example",
        "attempt_count": 0,
        "due_at": None,
        "expires_at": None,
        "created_at": "2026-11-20T13:00:00.000000Z",
        "trace_id": TRACE_ID,
    }


@pytest.mark.parametrize("state", ["failed", "dead", "bounced", "expired"])
async def test_a_retry_schedules_now_once_and_says_who_asked(
    memory_bus: Bus, database: Database, state: str
) -> None:
    notification = await put_notified(database)
    delivery = await put_delivery(
        database, notification, state=state, reason="why", attempt_count=8, rounds=8
    )
    path = f"/v1/deliveries/{delivery}/retry"
    async with gateway_client(memory_bus, database) as client:
        first = await client.post(path)
        again = await client.post(path)
    row = await row_of(database, delivery)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() | {"retried": True}
    assert (again.json()["state"], again.json()["retried"]) == ("scheduled", False)
    assert (row.state, row.reason, row.attempt_count, row.rounds) == ("scheduled", None, 8, 0)
    assert row.due_at == row.updated_at
    assert await changes_in(database) == [
        (
            "CLARION_API_KEY",
            "delivery.retry",
            str(delivery),
            {"state": state, "reason": "why"},
        )
    ]


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"state": "skipped"}, 409, "delivery_skipped"),
        ({"state": "cancelled"}, 409, "delivery_cancelled"),
        ({"state": "expired", "expires_at": PAST}, 409, "delivery_expired"),
        ({"state": "dead", "expires_at": PAST}, 409, "delivery_expired"),
        ({"state": "sending"}, 200, None),
        ({"state": "sent"}, 200, None),
    ],
)
async def test_a_retry_that_makes_no_sense_changes_nothing(
    memory_bus: Bus, database: Database, values: dict[str, Any], status: int, code: str | None
) -> None:
    delivery = await put_delivery(database, await put_notified(database), **values)
    before = await row_of(database, delivery)
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post(f"/v1/deliveries/{delivery}/retry")
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert answer.json().get("retried", False) is False
    assert await row_of(database, delivery) == before
    assert await changes_in(database) == []


async def test_a_redrive_spreads_what_matches_over_time_and_counts_it_first(
    memory_bus: Bus, database: Database
) -> None:
    notification = await put_notified(database)
    dead = [await put_delivery(database, notification, state="dead") for _ in range(5)]
    late = await put_delivery(database, notification, state="dead", expires_at=PAST)
    failed = await put_delivery(database, notification, state="failed")
    async with gateway_client(memory_bus, database) as client:

        async def ask(**given: Any) -> httpx2.Response:
            return await client.post("/v1/deliveries/redrive", json=given)

        preview = await ask(preview=True)
        untouched = [(await row_of(database, one)).state for one in dead]
        first = (await ask(rate_per_s=2, all=True)).json()
        again = (await ask(rate_per_s=2, state="dead")).json()
        wrong = [await ask(state="sent"), await ask(rate_per_s=0), await ask(unknown=1)]
    rows = [await row_of(database, one) for one in dead]
    assert (preview.json(), untouched) == ({"count": 5}, ["dead"] * 5)
    assert (first["redriven"], again) == (5, {"redriven": 0, "until": None})
    begin: datetime = rows[0].due_at
    assert [row.due_at - begin for row in rows] == [timedelta(seconds=n / 2) for n in range(5)]
    assert datetime.fromisoformat(first["until"]) == rows[-1].due_at
    assert {row.state for row in rows} == {"scheduled"}
    assert (await row_of(database, late)).state == "dead"
    assert (await row_of(database, failed)).state == "failed"
    assert [one.status_code for one in wrong] == [422, 422, 422]
    assert [change[2] for change in await changes_in(database)] == [str(one) for one in dead]


@pytest.mark.parametrize(
    "given", [{}, {"rate_per_s": 5}, {"channel": None}, {"all": False}, {"preview": False}]
)
async def test_a_redrive_of_everything_must_be_asked_for(
    memory_bus: Bus, database: Database, given: dict[str, Any]
) -> None:
    dead = await put_delivery(database, await put_notified(database), state="dead")
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/deliveries/redrive", json=given)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["field"] == "body"
    assert '"all": true' in fault["message"]
    assert (await row_of(database, dead)).state == "dead"


async def test_another_tenants_deliveries_are_neither_seen_nor_driven(
    memory_bus: Bus, database: Database
) -> None:
    delivery = await put_delivery(database, await put_notified(database), state="dead")
    headers = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    reader = await make_key(database, scopes=["history:read"])
    async with gateway_client(memory_bus, database) as client:
        listed = await client.get("/v1/deliveries", headers=headers)
        redriven = await client.post("/v1/deliveries/redrive", json={"all": True}, headers=headers)
        answers = [
            await client.post(f"/v1/deliveries/{one}/retry", headers=headers)
            for one in (delivery, new_id(), "not-an-id")
        ]
        refused = await client.post(
            "/v1/deliveries/redrive", json={}, headers={"authorization": f"Bearer {reader}"}
        )
    assert listed.json()["items"] == []
    assert redriven.json() == {"redriven": 0, "until": None}
    assert [one.status_code for one in answers] == [404, 404, 404]
    assert len({one.json()["detail"] for one in answers}) == 1
    assert refused.json()["code"] == "missing_scope"
    assert (await row_of(database, delivery)).state == "dead"


async def test_what_is_retried_is_sent_and_numbers_its_attempts_on(
    memory_bus: Bus, database: Database
) -> None:
    notification = await put_notified(database)
    delivery = await put_delivery(
        database,
        notification,
        state="dead",
        reason="timeout",
        attempt_count=1,
        content={"title": "Your order"},
    )
    await put_attempt(database, delivery, started_at=at("12:00:00"), outcome="unknown")
    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        path = f"/v1/deliveries/{delivery}/retry"
        answers = await asyncio.gather(*(client.post(path) for _ in range(5)))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
        after = await client.post(path)
        story = (await client.get(f"/v1/notifications/{notification}")).json()
    assert sorted(one.json()["retried"] for one in answers) == [False] * 4 + [True]
    assert (after.json()["state"], after.json()["retried"]) == ("sent", False)
    (sent,) = story["deliveries"]
    tried = [(one["n"], one["provider"], one["outcome"]) for one in sent["attempts"]]
    assert tried == [(1, "smtp", "unknown"), (2, "capture", "sent")]
    assert len(await changes_in(database)) == 1
