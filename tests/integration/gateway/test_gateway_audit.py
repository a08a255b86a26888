"""Who changed what is listed for admins, of their own tenant alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from clarion.bus.protocol import Bus
from clarion.contracts.ids import lowest_id_at
from clarion.errors import StoreUnavailable
from clarion.store.database import Database
from clarion.store.tables import audit
from clarion.tokens.api_keys import ApiKey, new_api_key
from services.cli.stored_keys import end, store
from services.gateway.admin.minted_tokens import MintedTokens
from tests.support.gateway import at, gateway_client, make_key
from tests.support.gateway_rows import put, put_delivery, put_event, put_notification, put_parked


async def put_change(database: Database, time: str, **values: Any) -> UUID:
    """One change of tenant `default`."""
    moment = at(time)
    row: dict[str, Any] = {
        "id": lowest_id_at(moment),
        "tenant": "default",
        "at": moment,
        "actor": "ops",
        "action": "delivery.retry",
        "subject_kind": "delivery",
        "subject": "d-1",
        "detail": {},
    }
    return await put(database, audit, **row | values)


async def test_what_callers_did_is_listed_with_who_did_it(
    memory_bus: Bus, database: Database
) -> None:
    notification = await put_notification(database, await put_event(database, at("12:00:00")))
    delivery = await put_delivery(database, notification, state="dead", reason="timeout")
    parked = await put_parked(database)
    async with gateway_client(memory_bus, database) as client:
        await client.post(f"/v1/deliveries/{delivery}/retry")
        await client.delete(f"/v1/parked/{parked}")
        items = (await client.get("/v1/audit")).json()["items"]
    assert [(one["actor"], one["action"], one["subject"], one["detail"]) for one in items] == [
        (
            "CLARION_API_KEY",
            "parked.delete",
            str(parked),
            {
                "reason": "malformed",
                "detail": "The body is not JSON.",
                "queue": "clarion.events.normal",
            },
        ),
        (
            "CLARION_API_KEY",
            "delivery.retry",
            str(delivery),
            {"state": "dead", "reason": "timeout"},
        ),
    ]


async def test_filters_find_what_they_name_and_pages_go_on(
    memory_bus: Bus, database: Database
) -> None:
    first = str(await put_change(database, "12:00:00"))
    second = str(await put_change(database, "13:00:00", actor="shop", action="event.cancel"))
    third = str(await put_change(database, "14:00:00", subject="d-2"))
    expected: list[tuple[dict[str, str], list[str]]] = [
        ({}, [third, second, first]),
        ({"actor": "shop"}, [second]),
        ({"action": "delivery.retry"}, [third, first]),
        ({"subject": "d-2"}, [third]),
        ({"since": "2026-11-20T13:00:00Z"}, [third, second]),
        ({"until": "2026-11-20T13:00:00Z"}, [first]),
    ]
    async with gateway_client(memory_bus, database) as client:
        for params, ids in expected:
            answer = (await client.get("/v1/audit", params=params)).json()
            assert [one["id"] for one in answer["items"]] == ids
        page = (await client.get("/v1/audit", params={"limit": 2})).json()
        rest = (
            await client.get("/v1/audit", params={"limit": 2, "cursor": page["next_cursor"]})
        ).json()
        other = await client.get(
            "/v1/audit", params={"actor": "ops", "cursor": page["next_cursor"]}
        )
    assert [one["id"] for one in page["items"] + rest["items"]] == [third, second, first]
    assert rest["next_cursor"] is None
    assert (other.status_code, other.json()["code"]) == (400, "bad_cursor")


async def test_the_audit_is_for_admins_of_its_tenant(memory_bus: Bus, database: Database) -> None:
    await put_change(database, "12:00:00")
    foreign = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    reader = await make_key(database, scopes=["history:read"])
    async with gateway_client(memory_bus, database) as client:
        nothing = await client.get("/v1/audit", headers=foreign)
        refused = await client.get("/v1/audit", headers={"authorization": f"Bearer {reader}"})
    assert nothing.json() == {"items": [], "next_cursor": None}
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


async def test_changes_of_the_directory_and_tokens_are_kept(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/subscribers/ada", json={"email": "canary@example.com"})
        await client.patch("/v1/subscribers/ada", json={"locale": "de"})
        await client.put("/v1/topics/vips", json={"name": "VIPs"})
        await client.put("/v1/topics/vips/subscribers/ada")
        await client.put("/v1/topics/vips/subscribers/ada")
        await client.delete("/v1/topics/vips/subscribers/ada")
        await client.delete("/v1/topics/vips")
        await client.delete("/v1/subscribers/ada/sessions")
        minted = await client.post("/v1/tokens", json={"subscriber": "ada"})
        await client.delete("/v1/subscribers/ada")
        await client.delete("/v1/subscribers/ada")
        answer = await client.get("/v1/audit")
    items = answer.json()["items"]
    assert {one["actor"] for one in items} == {"CLARION_API_KEY"}
    assert sorted((one["action"], one["subject"]) for one in items) == [
        ("subscriber.delete", "ada"),
        ("subscriber.patch", "ada"),
        ("subscriber.put", "ada"),
        ("subscriber.revoke_sessions", "ada"),
        ("token.mint", "ada"),
        ("topic.add_members", "vips"),
        ("topic.delete", "vips"),
        ("topic.put", "vips"),
        ("topic.remove_member", "vips"),
    ]
    assert "canary" not in answer.text
    assert minted.json()["token"] not in answer.text


async def test_tokens_are_kept_in_batches_and_over_an_outage(database: Database) -> None:
    tokens = MintedTokens(database)
    key = ApiKey("1", "default", "shop", frozenset())
    for number in range(2_500):
        tokens.note(key, f"user-{number}", at("12:00:00"), [])
    begun: list[str] = []
    before = database.transaction

    def failing_once() -> Any:
        begun.append("transaction")
        if len(begun) == 2:
            raise StoreUnavailable("The database is away.")
        return before()

    database.transaction = failing_once  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await tokens.flush()
    await tokens.close(10)
    database.transaction = before  # type: ignore[method-assign]
    async with database.transaction() as connection:
        kept = await connection.scalar(select(func.count()).select_from(audit))
    assert (kept, len(begun)) == (2_500, 4)


async def test_keys_made_and_revoked_at_a_terminal_are_kept(
    monkeypatch: pytest.MonkeyPatch, memory_bus: Bus, database: Database, postgres_url: str
) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", postgres_url)
    key = new_api_key()
    identifier = await store(
        key, tenant="default", name="shop", scopes=["events:write"], expires_at=None
    )
    assert await end(identifier)
    assert not await end(identifier)
    async with gateway_client(memory_bus, database) as client:
        items = (await client.get("/v1/audit?actor=cli")).json()["items"]
    assert [(one["action"], one["subject"], one["detail"]) for one in items] == [
        ("key.revoke", str(identifier), {"name": "shop"}),
        ("key.create", str(identifier), {"name": "shop", "scopes": ["events:write"]}),
    ]
