"""Calls of the gateway that lose a race in the database are begun anew, and nobody hears of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.cli import stored_keys
from tests.support.gateway import gateway_client
from tests.support.gateway_rows import put_delivery, put_event, put_notification, put_parked
from tests.support.notifier import rows

LOSES_ITS_FIRST_RACE = """
CREATE SEQUENCE races;
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('races') = 1 THEN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER lose BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION lose();
"""

MOMENT = datetime.now(UTC)


@pytest.fixture(params=["40001", "40P01"])
async def client(request: pytest.FixtureRequest, memory_bus: Bus, database: Database) -> Any:
    async with gateway_client(memory_bus, database) as opened:
        await ok(opened.put("/v1/subscribers/ada", json={"email": "ada@shop.example"}))
        await ok(opened.put("/v1/topics/vips", json={}))
        await ok(opened.put("/v1/topics/vips/subscribers/ada"))
        async with database.driver() as tx:
            await tx.execute("DELETE FROM audit")
            await tx.execute(LOSES_ITS_FIRST_RACE.format(sqlstate=request.param))
        yield opened


async def ok(call: Any) -> httpx2.Response:
    answer = await call
    assert answer.is_success, answer.text
    return answer


async def race_was_lost(database: Database) -> bool:
    found = await rows(database, "SELECT last_value FROM races")
    return found[0]["last_value"] > 1


CALLS: dict[str, tuple[str, str, Any]] = {
    "put subscriber": ("PUT", "/v1/subscribers/bob", {"email": "bob@shop.example"}),
    "patch subscriber": ("PATCH", "/v1/subscribers/ada", {"attributes": {"plan": "gold"}}),
    "delete subscriber": ("DELETE", "/v1/subscribers/ada", None),
    "revoke sessions": ("DELETE", "/v1/subscribers/ada/sessions", None),
    "put topic": ("PUT", "/v1/topics/new", {"name": "New"}),
    "delete topic": ("DELETE", "/v1/topics/vips", None),
    "add members": ("POST", "/v1/topics/vips/subscribers", {"subscribers": ["eve", "bob"]}),
    "put member": ("PUT", "/v1/topics/vips/subscribers/eve", None),
    "delete member": ("DELETE", "/v1/topics/vips/subscribers/ada", None),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_change_of_the_directory_that_lost_a_race_is_made_once(
    client: httpx2.AsyncClient, database: Database, name: str
) -> None:
    method, path, body = CALLS[name]
    given = {} if body is None else {"json": body}
    await ok(client.request(method, path, **given))
    assert await race_was_lost(database)
    assert len(await rows(database, "SELECT 1 FROM audit")) == 1


async def test_what_is_cancelled_and_sent_again_after_a_lost_race_is_counted_once(
    client: httpx2.AsyncClient, database: Database
) -> None:
    event = await put_event(database, MOMENT)
    notification = await put_notification(database, event)
    for state in ("scheduled", "queued"):
        await put_delivery(database, notification, state=state)
    answer = await ok(client.post("/v1/events/o-1/cancel"))
    assert await race_was_lost(database)
    assert answer.json()["cancelled"] == 2
    states = await rows(database, "SELECT DISTINCT state FROM deliveries")
    assert [one["state"] for one in states] == ["cancelled"]


async def test_a_dead_letter_is_deleted_after_a_lost_race(
    client: httpx2.AsyncClient, database: Database
) -> None:
    parked = await put_parked(database)
    await ok(client.delete(f"/v1/parked/{parked}"))
    assert await race_was_lost(database)
    assert await rows(database, "SELECT 1 FROM parked") == []


async def test_a_delivery_is_sent_again_after_a_lost_race(
    client: httpx2.AsyncClient, database: Database
) -> None:
    event = await put_event(database, MOMENT)
    delivery = await put_delivery(
        database, await put_notification(database, event), state="failed", reason="bounced"
    )
    await ok(client.post(f"/v1/deliveries/{delivery}/retry"))
    assert await race_was_lost(database)
    redriven = await ok(
        client.post("/v1/deliveries/redrive", json={"state": "failed", "all": True})
    )
    assert redriven.json()["redriven"] == 0


async def test_a_key_is_made_and_ended_after_a_lost_race(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", database.url)
    made = await stored_keys.store(
        "clr_" + "k" * 40, tenant="default", name="shop", scopes=["admin"], expires_at=None
    )
    assert await race_was_lost(database)
    assert await stored_keys.end(made)
    assert [row.id for row in await stored_keys.read()] == [made]
