"""One poisonous event among a hundred is parked alone, and delivered after the mend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import pytest

from clarion.bus.protocol import Bus, Message
from clarion.store.database import Database
from services.notifier.drafts import Draft, EventDraft
from services.notifier.plan import drafting
from tests.support.gateway import gateway_client
from tests.support.notifier import event, publish, rows, running_notifiers, wait_for_rows

EVENTS = 100
POISON = "e-37"
TO = {"id": "ann", "email": "ann@example.org"}

REFUSE = f"""
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.title = '{POISON}' THEN RAISE EXCEPTION 'this title is refused'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION refuse()
"""
ACCEPT = "DROP FUNCTION refuse() CASCADE"
VERSIONS = "SELECT version FROM notifications WHERE subscriber = 'ann' ORDER BY version"

Mend = Callable[[], Awaitable[None]]
Break = Callable[[Database, pytest.MonkeyPatch], Awaitable[Mend]]


async def break_planning(_: Database, monkeypatch: pytest.MonkeyPatch) -> Mend:
    """A defect of ours, until it is mended."""
    draft_for = drafting.draft_for

    def divide(event: EventDraft, subscriber: str, *more: Any, **named: Any) -> Draft:
        if event.entry.id == POISON:
            raise ZeroDivisionError("division by zero")
        return draft_for(event, subscriber, *more, **named)

    monkeypatch.setattr(drafting, "draft_for", divide)

    async def mend() -> None:
        monkeypatch.setattr(drafting, "draft_for", draft_for)

    return mend


async def break_storing(database: Database, _: pytest.MonkeyPatch) -> Mend:
    """A row that PostgreSQL refuses, until it does not."""

    async def execute(statement: str) -> None:
        async with database.driver() as tx:
            await tx.execute(statement)

    await execute(REFUSE)

    async def mend() -> None:
        await execute(ACCEPT)

    return mend


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        (break_planning, "Planning failed: ZeroDivisionError: division by zero"),
        (break_storing, "Planning failed: RaiseError: this title is refused"),
    ],
)
async def test_99_are_delivered_and_one_is_parked_until_it_is_redriven(
    broken: Break, detail: str, bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = await broken(database, monkeypatch)
    hundred = [
        event(id=f"e-{n}", to=TO, channels=["inbox", "email"], content={"title": f"e-{n}"})
        for n in range(EVENTS)
    ]
    async with gateway_client(bus, database) as client, running_notifiers(bus, database, count=2):
        assert (await client.post("/v1/events", json=hundred)).status_code == 202
        await wait_for_rows(database, "SELECT 1 FROM captures", EVENTS - 1, timeout_s=40)
        await wait_for_rows(database, "SELECT 1 FROM parked", 1)
        (parked,) = (await client.get("/v1/parked")).json()["items"]
        before = await told(client)
        await mend()
        path = f"/v1/parked/{parked['id']}/redrive"
        redriven = [(await client.post(path)).json()["redriven"] for _ in range(2)]
        await wait_for_rows(database, "SELECT 1 FROM captures", EVENTS, timeout_s=40)
        after = await told(client)
        left = (await client.get("/v1/parked")).json()["items"]
    assert (parked["reason"], parked["detail"]) == ("planning_failed", detail)
    assert before == ("parked", [])
    assert (redriven, after, left) == ([True, False], ("planned", ["ann"]), [])
    versions = [one["version"] for one in await rows(database, VERSIONS)]
    assert versions == list(range(1, EVENTS + 1))


async def told(client: httpx2.AsyncClient) -> tuple[str, list[str]]:
    """The state of the poisonous event, and who got it."""
    record = (await client.get(f"/v1/events/{POISON}")).json()
    return record["state"], [one["subscriber"] for one in record["recipients"]]


async def test_a_malformed_cloudevent_among_a_hundred_says_which_field_is_wrong(
    bus: Bus, database: Database
) -> None:
    media = "application/cloudevents+json"
    good = (
        f'{{"specversion":"1.0","id":"{n}","source":"s","type":"t","to":"user:ann"}}'
        for n in range(1, EVENTS)
    )
    bad = '{"specversion":"1.0","id":"bad","source":"s","to":"user:ann"}'
    messages = [Message(text.encode(), media) for text in (bad, *good)]
    async with gateway_client(bus, database) as client, running_notifiers(bus, database):
        await publish(bus, *messages)
        await wait_for_rows(database, VERSIONS, EVENTS - 1, timeout_s=40)
        await wait_for_rows(database, "SELECT 1 FROM parked", 1)
        (parked,) = (await client.get("/v1/parked")).json()["items"]
        redriven = await client.post(f"/v1/parked/{parked['id']}/redrive")
    assert (parked["reason"], parked["detail"]) == ("invalid", "type is required")
    assert (redriven.status_code, redriven.json()["code"]) == (409, "still_malformed")


@pytest.mark.parametrize("title", ["", " ", "\u200b\u3164", "\U000e0041\ufe0f"])
async def test_a_blank_title_over_amqp_is_dead_lettered_for_what_http_says(
    memory_bus: Bus, database: Database, title: str
) -> None:
    cloud_event = {
        "specversion": "1.0",
        "id": "blank",
        "source": "s",
        "type": "t",
        "to": "user:ann",
        "title": title,
    }
    plain = {"type": "t", "to": "user:ann", "content": {"title": title}}
    message = Message(msgspec.json.encode(cloud_event), "application/cloudevents+json")
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/events", json=plain)
        async with running_notifiers(memory_bus, database):
            await publish(memory_bus, message)
            await wait_for_rows(database, "SELECT 1 FROM parked", 1)
        (parked,) = (await client.get("/v1/parked")).json()["items"]
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["field"] == "content.title"
    said = f"{fault['field']} {fault['message']}"
    assert (parked["reason"], parked["detail"]) == (answer.json()["code"], said)
