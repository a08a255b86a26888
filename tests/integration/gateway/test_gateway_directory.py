"""Subscribers, topics and tokens."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from zlib import crc32

import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from clarion.tokens.subscriber import SecretVerifier
from tests.support.gateway import SECRET, gateway_client, make_key

DESCRIBED: dict[str, Any] = {
    "email": "a@b.example",
    "phone": "+15005550006",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "attributes": {"plan": "pro", "seats": [1, 2.5, None]},
}
TIMES = ("created_at", "updated_at")


def without_times(body: dict[str, Any]) -> dict[str, Any]:
    assert all(body[name].endswith("Z") and len(body[name]) == 27 for name in TIMES)
    return {name: value for name, value in body.items() if name not in TIMES}


async def test_put_creates_and_replaces_whole(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        made = await client.put("/v1/subscribers/user@x:1", json=DESCRIBED)
        read = await client.get("/v1/subscribers/user@x:1")
        changed = await client.put("/v1/subscribers/user@x:1", json={"email": "c@d.example"})
    assert made.status_code == read.status_code == changed.status_code == 200
    assert without_times(made.json()) == {"id": "user@x:1", **DESCRIBED}
    assert made.json() == read.json()
    cleared = dict.fromkeys(DESCRIBED)
    assert without_times(changed.json()) == cleared | {"id": "user@x:1", "email": "c@d.example"}
    assert changed.json()["created_at"] == made.json()["created_at"]
    assert changed.json()["updated_at"] > made.json()["updated_at"]


async def test_patch_merges_and_null_clears(memory_bus: Bus, database: Database) -> None:
    nested = {"plan": {"name": "pro", "seats": 5}, "tags": ["a"], "n": 1}
    change: dict[str, Any] = {
        "phone": None,
        "locale": "de",
        "attributes": {"plan": {"seats": None, "trial": {"until": None, "on": True}}, "n": None},
    }
    headers = {"content-type": "application/merge-patch+json"}
    async with gateway_client(memory_bus, database) as client:
        missing = await client.patch("/v1/subscribers/ada", json={"email": "a@b.example"})
        await client.put("/v1/subscribers/ada", json=DESCRIBED | {"attributes": nested})
        same = await client.patch("/v1/subscribers/ada", json={})
        changed = await client.patch(
            "/v1/subscribers/ada", content=json.dumps(change), headers=headers
        )
        read = await client.get("/v1/subscribers/ada")
        cleared = await client.patch("/v1/subscribers/ada", json={"attributes": None})
        wrong = await client.patch("/v1/subscribers/ada", json={"email": "x", "mail": 1})
        big = await client.patch("/v1/subscribers/ada", json={"attributes": {"a": "x" * 17_000}})
        after = await client.get("/v1/subscribers/ada")
    assert missing.status_code == 404
    assert without_times(same.json()) == {"id": "ada", **DESCRIBED, "attributes": nested}
    merged = {"plan": {"name": "pro", "trial": {"on": True}}, "tags": ["a"]}
    expected = {"id": "ada", **DESCRIBED, "phone": None, "locale": "de", "attributes": merged}
    assert without_times(changed.json()) == expected
    assert read.json() == changed.json()
    assert without_times(cleared.json()) == expected | {"attributes": None}
    assert wrong.status_code == big.status_code == 422
    assert after.json() == cleared.json()


async def test_changes_at_the_same_time_are_all_kept(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/subscribers/ada", json={})
        patches = [
            client.patch("/v1/subscribers/ada", json={"attributes": {f"a{n}": n}}) for n in range(6)
        ]
        await asyncio.gather(*patches)
        read = await client.get("/v1/subscribers/ada")
    assert read.json()["attributes"] == {f"a{n}": n for n in range(6)}


async def test_a_deleted_subscriber_leaves_every_topic(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/subscribers/1", json={})
        await client.put("/v1/topics/vips", json={"name": "Very important"})
        await client.put("/v1/topics/vips/subscribers/1")
        answers = [await client.delete("/v1/subscribers/1") for _ in range(2)]
        gone = await client.get("/v1/subscribers/1")
        members = await client.get("/v1/topics/vips/subscribers")
    assert [one.status_code for one in answers] == [204, 404]
    assert gone.status_code == 404
    assert members.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b'{"email":"x"}', ["email"]),
        (b'{"phone":"0170","timezone":"Mars","locale":"!"}', ["locale", "phone", "timezone"]),
        (b'{"mail":"a@b.example","attributes":[]}', ["attributes", "mail"]),
        (b'{"attributes":{"a":"\\u0000"}}', ["attributes.a"]),
        (b'{"attributes":{"a":' + b"[" * 40 + b"]" * 40 + b"}}", ["attributes"]),
        (b'{"attributes":{"a":"' + b"x" * 20_000 + b'"}}', ["attributes"]),
        (b'{"attributes":{"a":1e999}}', ["body"]),
        (b"[]", ["body"]),
    ],
)
async def test_wrong_descriptions_are_422(
    memory_bus: Bus, database: Database, body: bytes, fields: list[str]
) -> None:
    async with gateway_client(memory_bus, database) as client:
        headers = {"content-type": "application/json"}
        answer = await client.put("/v1/subscribers/1", content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        assert sorted(one["field"] for one in answer.json()["errors"]) == fields
        assert (await client.get("/v1/subscribers/1")).status_code == 404


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b'{"attributes":{"a":NaN}}', "application/json", 400),
        (b'{"attributes":{"a":"\\udc00"}}', "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"x" * 1_100_000, "application/json", 413),
    ],
)
async def test_wrong_bodies_are_refused_before_the_route(
    memory_bus: Bus, database: Database, body: bytes, media: str, status: int
) -> None:
    async with gateway_client(memory_bus, database) as client:
        headers = {"content-type": media}
        answer = await client.put("/v1/subscribers/1", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_ids_that_cannot_be_are_refused(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        for identifier in ("a%20b", "%00", "x" * 129, "%C3%A4"):
            put = await client.put(f"/v1/subscribers/{identifier}", json={})
            assert put.json()["errors"][0]["field"] == "id"
            assert (await client.get(f"/v1/subscribers/{identifier}")).status_code == 404
            assert (await client.get(f"/v1/topics/{identifier}/subscribers")).status_code == 404


async def test_tenants_do_not_meet(memory_bus: Bus, database: Database) -> None:
    foreign = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/subscribers/1", json={"email": "a@b.example"})
        await client.put("/v1/topics/t", json={})
        await client.put("/v1/topics/t/subscribers/1")
        for path in ("/v1/subscribers/1", "/v1/topics/t", "/v1/topics/t/subscribers"):
            assert (await client.get(path, headers=foreign)).status_code == 404
        for path in ("/v1/subscribers/1", "/v1/topics/t", "/v1/topics/t/subscribers/1"):
            assert (await client.delete(path, headers=foreign)).status_code == 404
        assert (await client.get("/v1/subscribers", headers=foreign)).json()["items"] == []
        await client.put("/v1/subscribers/1", json={}, headers=foreign)
        own = await client.get("/v1/subscribers/1")
    assert own.json()["email"] == "a@b.example"


async def test_members_are_added_in_bulk_and_paged(memory_bus: Bus, database: Database) -> None:
    everyone = [f"s{n:04}" for n in range(1_000)]
    seen: list[str] = []
    cursor: str | None = ""
    path = "/v1/topics/all/subscribers"
    async with gateway_client(memory_bus, database) as client:
        absent = await client.post(path, json={"subscribers": ["a"]})
        await client.put("/v1/topics/all", json={})
        await client.put(f"{path}/s0000")
        added = await client.post(path, json={"subscribers": everyone})
        too_many = await client.post(path, json={"subscribers": [*everyone, "x"]})
        while cursor is not None:
            page = (await client.get(path, params={"limit": 300, "cursor": cursor})).json()
            seen += [item["subscriber"] for item in page["items"]]
            cursor = page["next_cursor"]
        removed = [(await client.delete(f"{path}/s0000")).status_code for _ in range(2)]
    assert (absent.status_code, too_many.status_code) == (404, 422)
    assert added.json() == {"added": 999}
    assert seen == everyone
    assert removed == [204, 404]


async def test_a_token_opens_the_feed_of_its_subscriber(
    memory_bus: Bus, database: Database
) -> None:
    body = {"subscriber": "42", "ttl_s": 60, "publish": ["room:1"]}
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/tokens", json=body)
    assert answer.status_code == 201
    said = await SecretVerifier(SECRET).verify(answer.json()["token"])
    assert (said.tenant, said.subscriber, said.publish) == ("default", "42", ("room:1",))
    assert said.expires_at - int(said.issued_at) == 60


async def test_a_token_comes_with_its_shard_where_there_are_several(
    memory_bus: Bus, database: Database
) -> None:
    body = {"subscriber": "42"}
    async with gateway_client(memory_bus, database) as client:
        of_one = (await client.post("/v1/tokens", json=body)).json()
    async with gateway_client(memory_bus, database, live_shards=64) as client:
        of_many = (await client.post("/v1/tokens", json=body)).json()
    assert set(of_one) == {"token", "expires_at"}
    assert set(of_many) == {"token", "expires_at", "shard"}
    assert of_many["shard"] == crc32(b"default/42") % 64 != 0


async def test_without_a_secret_tokens_are_signed_elsewhere(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database, token_secret=None) as client:
        answer = await client.post("/v1/tokens", json={"subscriber": "42"})
    assert (answer.status_code, answer.json()["code"]) == (409, "tokens_signed_elsewhere")
