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


HALF = "holds half of a surrogate pair"
DEEP = "nests more than 32 levels deep"
UNREADABLE: dict[str, tuple[bytes, str, str, str]] = {
    "half in a value": (rb'{"type":"t","data":"\ud800"}', "malformed_json", "data", HALF),
    "the other half": (rb'{"type":"t","data":["\uDC00"]}', "malformed_json", "data[0]", HALF),
    "half in a key": (rb'{"type":"t","data":{"\ud800":1}}', "malformed_json", "data", HALF),
    "half in a name": (rb'{"type":"t","\ud800":1}', "malformed_json", "body", HALF),
    "half in the id": (rb'{"type":"t","id":"a\udbff"}', "malformed_json", "id", HALF),
    "half in a title": (
        rb'{"type":"t","content":{"title":"\ud83d!"}}', "malformed_json", "content.title", HALF,
    ),
    "half of a person": (
        rb'{"type":"t","to":[{"id":"a","attributes":{"x":"\ud800"}}]}',
        "malformed_json", "to[0].attributes.x", HALF,
    ),
    "before another escape": (rb'{"type":"t","data":"\ud83d\\"}', "malformed_json", "data", HALF),
    "a bare half": (rb'"\ud800"', "malformed_json", "body", HALF),
    "NUL": (rb'{"type":"t","data":"\u0000"}', "invalid", "data", "holds the character U+0000"),
    "a huge float": (b'{"type":"t","data":-1e999}', "invalid", "body", "number out of range"),
    "a huge integer": (
        b'{"type":"t","data":' + b"9" * 5_000 + b"}", "invalid", "body", "number out of range",
    ),
    "33 levels": (
        b'{"type":"t","data":' + b"[" * 33 + b"]" * 33 + b"}", "invalid", "data", DEEP,
    ),
    "30,000 levels": (
        b'{"type":"t","data":' + b'{"a":[' * 15_000 + b"]}" * 15_000 + b"}",
        "invalid", "body", DEEP,
    ),
    "deep, with halves and brackets in texts": (
        rb'{"type":"t","data":"]\"}\ud800","to":' + b'["[",' * 2_000 + b"1" + b"]" * 2_000 + b"}",
        "malformed_json", "body", HALF,
    ),
    "not UTF-8": (b'{"type":"t","data":"\xff"}', "malformed_json", "body", "not valid UTF-8"),
    "half in UTF-8": (
        b'{"type":"t","data":"\xed\xa0\x80"}', "malformed_json", "body", "not valid UTF-8",
    ),
}  # fmt: skip
"""What a JSON text may hold and we cannot carry: the item, the code, the field, the words."""


@pytest.mark.parametrize(("item", "code", "field", "words"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_carried_refuses_its_event_alone(
    memory_bus: Bus, no_database: Database, item: bytes, code: str, field: str, words: str
) -> None:
    good = rb'{"type":"t","id":"%b","data":"\\ud800 \ud83d\ude00 ]"}'
    body = b" [" + good % b"one" + b" ,\n" + item + b"," + good % b"three" + b", 7 ] "
    published = Published(memory_bus)
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, body)
        assert (answer.status_code, answer.json()["accepted"]) == (207, 2), answer.text
        first, refused, third, seven = answer.json()["items"]
        kept = await published.entries(2)
        whole = await post(client, body, "")
    assert (first, third, seven["code"]) == ({"id": "one"}, {"id": "three"}, "invalid")
    assert [bytes(one.event) for one in kept] == [good % b"one", good % b"three"]
    assert refused["code"] == code
    assert any(one["field"] == field and words in one["message"] for one in refused["errors"])
    assert whole.status_code in (400, 422)
    assert any(one["field"].startswith("[1]") for one in whole.json()["errors"])


async def test_a_cloudevent_that_cannot_be_carried_refuses_itself_alone(
    memory_bus: Bus, no_database: Database
) -> None:
    odd = json.dumps(CLOUD | {"id": "c-2", "data": {"x": "\ud800"}})
    body = f"[{json.dumps(CLOUD)}, {odd}, {json.dumps(CLOUD | {'id': 'c-3'})}]".encode()
    async with gateway_client(memory_bus, no_database) as client:
        answer = await post(client, body, **{"content-type": BATCHED})
    first, second, third = answer.json()["items"]
    assert (answer.status_code, first, third) == (207, {"id": "c-1"}, {"id": "c-3"})
    assert [one["field"] for one in second["errors"]] == ["data.x"]


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
        (rb'[{"type":"t"}, "\ud800"', "?partial=true", 400),
        (rb'[{"type":"t"}, "\ud800\x"]', "?partial=true", 400),
        (rb'[{"type":"t"}, {"type":"\ud800",}]', "?partial=true", 400),
        (b'[{"type":"t"},' + b"[" * 2_000, "?partial=true", 422),
        (b'[{"type":"t"}, NaN]', "?partial=true", 400),
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
