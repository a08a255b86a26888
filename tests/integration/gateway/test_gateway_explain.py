"""Why somebody got something, or did not, is answered from records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clarion.bus.protocol import Bus
from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event
from clarion.store.database import Database
from clarion.topology import events_queue
from services.notifier.plan.batch import Batch, Planner
from tests.support.gateway import at, gateway_client
from tests.support.gateway_rows import TRACE_ID, put_delivery, put_event, put_notification

PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
QUEUE = events_queue("normal")


def entry(identifier: str, **fields: Any) -> Entry:
    """An event as the gateway accepts it."""
    now = datetime.now(UTC)
    return Entry(identifier, "shop", "default", now, PARENT, Event("shipped", **fields))


def told(record: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    """The timeline without its times."""
    return [(one["what"], one["channel"], one["detail"]) for one in record["timeline"]]


async def test_a_person_who_got_nothing_after_a_cancellation_is_told_by_whom(
    memory_bus: Bus, database: Database
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    planner = Planner(database, carried=frozenset({"email"}))
    to: dict[str, Any] = {"to": "user:42", "channels": ["inbox"], "send_at": later}
    await planner.plan(Batch("normal", QUEUE, [entry("o-1", **to)]))
    async with gateway_client(memory_bus, database) as client:
        await client.post("/v1/events/o-1/cancel")
        record = (await client.get("/v1/events/o-1", params={"subscriber": "42"})).json()
        (person,) = record["recipients"]
        story = (await client.get(f"/v1/notifications/{person['notification_id']}")).json()
    until = later.isoformat().replace("+00:00", "Z")
    cancelled = ("cancel", None, "CLARION_API_KEY cancelled everything not sent yet")
    (decision,) = person["decisions"]
    assert (decision["decision"], decision["reason"]) == ("skip", "cancelled_by_caller")
    assert told(record)[-1] == cancelled
    assert told(story) == [
        ("accepted", None, "Event shipped was accepted"),
        ("planned", None, "Recipients and channels were decided"),
        ("decided", "inbox", f"Hold until {until}: scheduled"),
        cancelled,
    ]
    assert story["trace_id"] == record["trace_id"] == TRACE_ID


async def test_who_had_it_sent_again_and_what_came_twice_is_in_the_timeline(
    memory_bus: Bus, database: Database
) -> None:
    conflict = {"at": "2026-11-20T12:01:00Z", "digest": "ab", "body": {"type": "x"}}
    event = await put_event(database, at("12:00:00"), conflicts=[conflict])
    notification = await put_notification(database, event, created_at=at("12:00:00"))
    delivery = await put_delivery(
        database, notification, state="dead", reason="timeout", created_at=at("12:00:00")
    )
    async with gateway_client(memory_bus, database) as client:
        await client.post(f"/v1/deliveries/{delivery}/retry")
        story = (await client.get(f"/v1/notifications/{notification}")).json()
        record = (await client.get("/v1/events/o-1")).json()
    again = "CLARION_API_KEY redrove the delivery, which had ended as dead: timeout"
    twice = "Another body came under the same id: stored beside the event, not sent"
    assert told(story)[-2:] == [("conflicting_duplicate", None, twice), ("retry", "email", again)]
    assert told(record)[-1] == ("conflicting_duplicate", None, twice)


async def test_a_parked_event_tells_why_until_and_after_it_is_planned(
    memory_bus: Bus, database: Database
) -> None:
    planner = Planner(database, carried=frozenset())
    batch = Batch("normal", QUEUE, [entry("o-7", to="user:42")])
    await planner.park_event(batch, ValueError("why"))
    async with gateway_client(memory_bus, database) as client:
        parked = (await client.get("/v1/events/o-7")).json()
        await client.post(f"/v1/parked/{parked['parked']['id']}/redrive")
        waiting = (await client.get("/v1/events/o-7")).json()
        await planner.plan(batch)
        planned = (await client.get("/v1/events/o-7")).json()
    why = "planning_failed (Planning failed: ValueError: why)"
    redrive = "CLARION_API_KEY published the parked message again (parked: planning_failed)"
    assert parked["parked"]["reason"] == "planning_failed"
    assert told(parked)[-1] == ("parked", None, f"Planning failed; the event was parked: {why}")
    assert (waiting["parked"], told(waiting)[-1]) == (None, ("redrive", None, redrive))
    assert [one[0] for one in told(planned)] == ["accepted", "parked", "redrive", "planned"]


async def test_an_event_that_reached_nobody_says_why(memory_bus: Bus, database: Database) -> None:
    planner = Planner(database, carried=frozenset())
    nobody = entry("o-1", to="topic:empty")
    unreachable = entry("o-2", to=["user:1", "user:2"], channels=["email"])
    await planner.plan(Batch("normal", QUEUE, [nobody, unreachable]))
    async with gateway_client(memory_bus, database) as client:
        records = [(await client.get(f"/v1/events/{one}")).json() for one in ("o-1", "o-2")]
    assert [told(one)[-1][2] for one in records] == [
        "No recipients: the event names none, or only topics without members",
        "2 recipients get nothing: email no_provider",
    ]
