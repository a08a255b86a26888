"""Parked messages are read, worked on again, and thrown away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select

from clarion.bus.protocol import Bus
from clarion.contracts.envelope import (
    ENVELOPE_CONTENT_TYPE,
    Entry,
    RawEntry,
    encode_envelope,
)
from clarion.contracts.event import Event
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.store.database import Database
from clarion.store.tables import audit, events, parked, slices
from clarion.topology import events_queue
from services.notifier.plan.batch import Batch, Planner
from tests.support.gateway import Published, at, gateway_client, make_key
from tests.support.gateway_rows import TRACE_ID, put_event, put_parked

PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
ENTRY = Entry("o-7", "shop", "default", at("12:00:00"), PARENT, Event("shipped", to="user:42"))
ENVELOPE = encode_envelope([ENTRY])
CLOUD_EVENT = msgspec.json.encode(
    {"specversion": "1.0", "id": "c-1", "source": "crm", "type": "t", "to": "user:1"}
)


async def count(database: Database, table: Any) -> int:
    """How many rows there are."""
    async with database.transaction() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def entries_of(bus: Bus) -> list[RawEntry]:
    """What was published for the normal lane; waits for one."""
    return await Published(bus).entries(1)


async def test_a_parked_event_is_planned_after_a_redrive(
    memory_bus: Bus, database: Database
) -> None:
    planner = Planner(database, carried=frozenset())
    batch = Batch("normal", events_queue("normal"), [ENTRY])
    await planner.park_event(batch, ValueError("why"))
    async with gateway_client(memory_bus, database) as client:
        (listed,) = (await client.get("/v1/parked")).json()["items"]
        path = f"/v1/parked/{listed['id']}"
        before = (await client.get("/v1/events/o-7")).json()
        first = await client.post(f"{path}/redrive")
        (raw,) = await entries_of(memory_bus)
        entry = msgspec.json.decode(msgspec.json.encode(raw), type=Entry)
        await planner.plan(Batch("normal", events_queue("normal"), [entry]))
        again = await client.post(f"{path}/redrive")
        gone = await client.get(path)
        after = (await client.get("/v1/events/o-7")).json()
    assert (first.json()["redriven"], again.json()["redriven"]) == (True, False)
    assert (before["state"], after["state"]) == ("parked", "planned")
    assert [one["subscriber"] for one in after["recipients"]] == ["42"]
    assert gone.status_code == 404
    async with database.transaction() as connection:
        done = await connection.execute(
            select(audit.c.actor, audit.c.action, audit.c.subject).order_by(audit.c.id)
        )
        (uid,) = await connection.execute(select(events.c.id).where(events.c.state == "parked"))
    assert [tuple(row) for row in done] == [
        ("CLARION_API_KEY", "parked.redrive", listed["id"]),
        ("CLARION_API_KEY", "event.redrive", str(uid[0])),
    ]


async def test_a_cloudevent_is_published_as_its_tenants(
    memory_bus: Bus, database: Database
) -> None:
    media = "application/cloudevents+json"
    good = await put_parked(database, tenant="acme", body=CLOUD_EVENT, content_type=media)
    bad = await put_parked(database, tenant="acme", content_type=media)
    headers = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    async with gateway_client(memory_bus, database) as client:
        redriven = await client.post(f"/v1/parked/{good}/redrive", headers=headers)
        refused = await client.post(f"/v1/parked/{bad}/redrive", headers=headers)
    (entry,) = await entries_of(memory_bus)
    assert redriven.json() == {"id": str(good), "redriven": True}
    assert (entry.id, entry.source, entry.tenant) == ("c-1", "crm", "acme")
    assert msgspec.json.decode(entry.event, type=Event).to == "user:1"
    assert (refused.status_code, refused.json()["code"]) == (409, "still_malformed")
    assert await count(database, parked) == 1


async def test_a_parked_slice_is_due_again(memory_bus: Bus, database: Database) -> None:
    event = await put_event(database, at("12:00:00"))
    body = msgspec.json.encode(Slice(1, event, "vips", "", PARENT))
    place: dict[str, Any] = {"event": event, "topic": "vips", "after": "", "tenant": "default"}
    async with database.transaction() as connection:
        row = {**place, "lane": "normal", "due_at": None, "trace_id": TRACE_ID}
        await connection.execute(insert(slices).values(**row))
    whole = {"tenant": None, "content_type": SLICE_CONTENT_TYPE, "reason": "planning_failed"}
    identifier = await put_parked(database, body=body, **whole)
    lost = Slice(1, UUID(int=1), "vips", "", PARENT)
    orphan = await put_parked(database, body=msgspec.json.encode(lost), **whole)
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post(f"/v1/parked/{identifier}/redrive")
        refused = await client.post(f"/v1/parked/{orphan}/redrive")
    assert answer.json()["redriven"] is True
    assert (refused.status_code, refused.json()["code"]) == (409, "no_event")
    async with database.transaction() as connection:
        due_at = await connection.scalar(select(slices.c.due_at))
    assert due_at is not None
    assert due_at <= datetime.now(UTC)


async def test_what_cannot_be_worked_on_says_why_and_stays(
    memory_bus: Bus, database: Database
) -> None:
    envelope = {"body": ENVELOPE, "content_type": ENVELOPE_CONTENT_TYPE}
    cases = {
        "no_queue": {"queue": "clarion.parked"},
        "no_tenant": {"tenant": None},
        "not_allowed": {"reason": "not_allowed", **envelope},
    }
    async with gateway_client(memory_bus, database) as client:
        for code, values in cases.items():
            identifier = await put_parked(database, **values)
            answer = await client.post(f"/v1/parked/{identifier}/redrive")
            assert (answer.status_code, answer.json()["code"]) == (409, code)
            assert (await client.get(f"/v1/parked/{identifier}")).status_code == 200


async def test_a_broker_that_is_away_loses_nothing(memory_bus: Bus, database: Database) -> None:
    identifier = await put_parked(
        database, body=ENVELOPE, content_type=ENVELOPE_CONTENT_TYPE, reason="planning_failed"
    )
    async with gateway_client(memory_bus, database) as client:
        await memory_bus.close()
        answer = await client.post(f"/v1/parked/{identifier}/redrive")
    assert answer.status_code == 503
    assert await count(database, parked) == 1


async def test_a_body_is_shown_as_text_or_base64_and_bounded(
    memory_bus: Bus, database: Database
) -> None:
    text = await put_parked(database, body="é{".encode())
    binary = await put_parked(database)
    large = await put_parked(database, body=b"a" * (256 * 1024 - 1) + "é".encode())
    async with gateway_client(memory_bus, database) as client:
        shown = [(await client.get(f"/v1/parked/{one}")).json() for one in (text, binary, large)]
    assert [(one["encoding"], one["truncated"], one["size"]) for one in shown] == [
        ("text", False, 3),
        ("base64", False, 2),
        ("text", True, 256 * 1024 + 1),
    ]
    assert [one["body"] for one in shown] == ["é{", "/3s=", "a" * (256 * 1024 - 1)]


async def test_parked_messages_are_walled_and_thrown_away_once(
    memory_bus: Bus, database: Database
) -> None:
    identifier = await put_parked(database)
    unowned = await put_parked(database, tenant=None)
    foreign = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    async with gateway_client(memory_bus, database) as client:
        for one in (identifier, unowned):
            path = f"/v1/parked/{one}"
            answers = [
                await client.get(path, headers=foreign),
                await client.post(f"{path}/redrive", headers=foreign),
                await client.delete(path, headers=foreign),
            ]
            assert [answer.status_code for answer in answers] == [404, 404, 404]
        path = f"/v1/parked/{identifier}"
        assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 404]
    assert await count(database, parked) == 1
