"""Cancelling stops what is not sent yet, and says what it could not stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from clarion.bus.protocol import Bus
from clarion.contracts.ids import new_id
from clarion.store.database import Database
from clarion.store.tables import audit, deliveries, notifications, slices
from services.gateway.admin.deliveries import cancel
from tests.support.gateway import at, gateway_client, make_key
from tests.support.gateway_rows import TRACE_ID, put_delivery, put_event, put_notification

LATER = datetime.now(UTC) + timedelta(hours=1)
HELD: dict[str, Any] = {
    "version": None,
    "due_at": LATER,
    "decisions": [
        {"channel": "inbox", "decision": "hold", "reason": "scheduled", "until": "2026-11-20"},
        {"channel": "email", "decision": "hold", "reason": "scheduled", "until": "2026-11-20"},
    ],
}


async def states_of(database: Database, *ids: UUID) -> list[tuple[str, str | None, object]]:
    """(state, reason, due_at) of these deliveries."""
    columns = deliveries.c
    wanted = select(columns.id, columns.state, columns.reason, columns.due_at)
    async with database.transaction() as connection:
        rows = {row[0]: tuple(row[1:]) for row in await connection.execute(wanted)}
    return [rows[one] for one in ids]


async def recorded(database: Database) -> list[tuple[Any, ...]]:
    """All that was recorded: actor, action, subject, detail."""
    columns = audit.c
    wanted = select(columns.actor, columns.action, columns.subject, columns.detail)
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(wanted.order_by(columns.id))]


async def test_a_cancelled_notification_is_not_sent_and_says_what_was_on_its_way(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    held = await put_notification(database, event, **HELD)
    waiting = await put_delivery(database, held, state="scheduled", due_at=LATER)
    queued = await put_delivery(database, held, state="queued", due_at=LATER)
    sending = await put_delivery(database, held, state="sending", due_at=LATER)
    sent = await put_delivery(database, held)
    failed = await put_delivery(database, held, state="failed", reason="no")
    async with gateway_client(memory_bus, database) as client:
        path = f"/v1/notifications/{held}/cancel"
        first = (await client.post(path)).json()
        again = (await client.post(path)).json()
    not_stopped = [
        {"delivery": str(sending), "state": "sending"},
        {"delivery": str(sent), "state": "sent"},
    ]
    rest = {"not_stopped": not_stopped, "more_not_stopped": False}
    assert first == {"cancelled": 3, **rest}
    assert again == {"cancelled": 0, **rest}
    ended = ("cancelled", "cancelled_by_caller", None)
    assert await states_of(database, waiting, queued) == [ended, ended]
    assert await states_of(database, sending, failed) == [
        ("sending", "cancelled_by_caller", LATER),
        ("failed", "no", None),
    ]
    async with database.transaction() as connection:
        row = (await connection.execute(select(notifications))).one()
        no_later = select(deliveries.c.id).where(deliveries.c.expires_at.is_not(None))
        assert (await connection.execute(no_later)).scalars().all() == [sending]
    assert (row.due_at, row.version) == (None, None)
    assert row.decisions == [
        HELD["decisions"][0] | {"decision": "skip", "reason": "cancelled_by_caller"},
        HELD["decisions"][1],
    ]
    change = ("CLARION_API_KEY", "notification.cancel", str(held), {"unplanned": False})
    assert (await recorded(database))[0] == change


async def test_a_cancelled_event_reaches_nobody_else(
    memory_bus: Bus, database: Database, monkeypatch: Any
) -> None:
    monkeypatch.setattr(cancel, "BATCH", 2)
    event = await put_event(database, at("12:00:00"), event_id="a/b")
    other = await put_event(database, at("12:00:00"), event_id="a/c")
    people = [
        await put_notification(database, one, subscriber=f"s{n}", **HELD)
        for one in (event, other)
        for n in range(3)
    ]
    waiting = [await put_delivery(database, one, state="scheduled") for one in people]
    place = {"tenant": "default", "event": event, "topic": "vips", "after": ""}
    async with database.transaction() as connection:
        row = {**place, "lane": "normal", "due_at": LATER, "trace_id": TRACE_ID}
        await connection.execute(insert(slices).values(**row))
    async with gateway_client(memory_bus, database) as client:
        first = await client.post("/v1/events/a%2Fb/cancel", params={"source": "shop"})
        again = await client.post("/v1/events/a%2Fb/cancel")
        missing = await client.post("/v1/events/a%2Fb/cancel", params={"source": "x"})
    rest: dict[str, Any] = {"not_stopped": [], "more_not_stopped": False}
    assert (first.json(), again.json()) == ({"cancelled": 6, **rest}, {"cancelled": 0, **rest})
    assert missing.status_code == 404
    states = [one[0] for one in await states_of(database, *waiting)]
    assert states == ["cancelled"] * 3 + ["scheduled"] * 3
    async with database.transaction() as connection:
        assert await connection.scalar(select(slices.c.due_at)) is None
    assert await recorded(database) == [
        ("CLARION_API_KEY", "event.cancel", str(event), {"unplanned": True})
    ]


async def test_another_tenant_cancels_nothing(memory_bus: Bus, database: Database) -> None:
    event = await put_event(database, at("12:00:00"))
    notification = await put_notification(database, event, **HELD)
    delivery = await put_delivery(database, notification, state="scheduled")
    foreign = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    reader = {"authorization": f"Bearer {await make_key(database, scopes=['history:read'])}"}
    async with gateway_client(memory_bus, database) as client:
        for path in (
            "/v1/events/o-1/cancel",
            f"/v1/notifications/{notification}/cancel",
            f"/v1/notifications/{new_id()}/cancel",
            "/v1/notifications/x/cancel",
        ):
            assert (await client.post(path, headers=foreign)).status_code == 404
            assert (await client.post(path, headers=reader)).status_code == 403
    assert await states_of(database, delivery) == [("scheduled", None, None)]
