"""`?partial=true`: the good events of an array are accepted, and each one is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.cloudevents import BATCHED
from clarion.store.database import Database
from tests.support.gateway import Published, gateway_client

CLOUD: dict[str, Any] = {"specversion": "1.0", "id": "c-1", "source": "s", "type": "t"}


async def post(client: Any, body: bytes, query: str = "?partial=true", **headers: str) -> Any:
    given = {"content-type": "application/json"} | headers
    return await client.post(f"/v1/events{query}", content=body, headers=given)


async def test_each_event_of_an_array_has_its_own_answer(
    memory_bus: Bus, no_database: Database
) -> None:
    body = (
        b'[{"type":"t","id":"one"}, {"type":"not a type","to":"bob"}, 7, {"type":"t"},'
        b' {"type":"t","data":[1e999]}, {"type":"t","id":"six","lane":"urgent"}]'
    )
    normal, urgent = Published(memory_bus), Published(memory_bus, "urgent")
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, body)
        assert (answer.status_code, answer.json()["accepted"]) == (207, 3)
        first, second, third, fourth, fifth, sixth = answer.json()["items"]
        kept = [one.id for one in await normal.entries(2)]
        kept += [one.id for one in await urgent.entries(1)]
    assert (first, sixth) == ({"id": "one"}, {"id": "six"})
    assert kept == ["one", fourth["id"], "six"]
    assert second["code"] == third["code"] == "invalid"
    assert {one["field"] for one in second["errors"]} == {"type", "to"}
    assert [one["field"] for one in third["errors"]] == ["body"]
    assert (fifth["code"], fifth["errors"][0]["field"]) == ("invalid", "body")


async def test_cloudevents_in_a_batch_are_answered_one_by_one(
    memory_bus: Bus, no_database: Database
) -> None:
    batch = [CLOUD, CLOUD | {"specversion": "2"}, CLOUD | {"id": "c-3"}]
    published = Published(memory_bus)
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, json.dumps(batch).encode(), **{"content-type": BATCHED})
        assert answer.status_code == 207, answer.text
        assert [one.id for one in await published.entries(2)] == ["c-1", "c-3"]
    items = answer.json()["items"]
    assert (items[0], items[2]) == ({"id": "c-1"}, {"id": "c-3"})
    assert [one["field"] for one in items[1]["errors"]] == ["specversion"]


@pytest.mark.parametrize(
    ("body", "accepted"), [(b'{"type":"t","id":"1"}', 1), (b'{"type":""}', 0), (b"[{}, {}]", 0)]
)
async def test_one_event_and_none_that_is_good_are_answered_the_same_way(
    memory_bus: Bus, no_database: Database, body: bytes, accepted: int
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, body)
    assert (answer.status_code, answer.json()["accepted"]) == (207, accepted)


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b'[{"type":"t"}, {"type":""}]', "", 422),
        (b'[{"type":"t"}, {"type":""}]', "?partial=false", 422),
        (b'[{"type":"t"}]', "?partial=maybe", 422),
        (b'[{"type":"t"}]', "?partial=true&partial=false", 422),
        (b'[{"type":"t"}]', "?partial=true&dry_run=true", 400),
        (b'[{"type":"t"}', "?partial=true", 400),
        (b"[]", "?partial=true", 422),
        (b"[" + b",".join([b'{"type":"t"}'] * 1_001) + b"]", "?partial=true", 422),
    ],
)
async def test_what_is_wrong_as_a_whole_is_refused_as_a_whole(
    memory_bus: Bus, no_database: Database, body: bytes, query: str, status: int
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, body, query)
    assert answer.status_code == status, answer.text


async def test_the_answer_to_many_wrong_events_is_bounded(
    memory_bus: Bus, no_database: Database
) -> None:
    wrong = {f"field_{number}": 1 for number in range(60)}
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, json.dumps([wrong] * 500).encode())
    assert answer.status_code == 207
    assert {len(one["errors"]) for one in answer.json()["items"]} == {10}
