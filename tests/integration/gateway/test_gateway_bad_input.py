"""Everything wrong that can be sent: a documented 4xx, nothing published, and the next works."""

from __future__ import annotations

import json

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from tests.support.gateway import Published, gateway_client, make_key

DEEP = 100_000
CANARY = "canary-9f2c"

MALFORMED = {
    "nothing": b"",
    "half": b'{"type":"a"',
    "trailing": b'{"type":"a"} {"type":"b"}',
    "single quotes": b"{'type':'a'}",
    "NaN": b'{"type":"a","data":NaN}',
    "Infinity": b'{"type":"a","data":-Infinity}',
    "control character": b'{"type":"a","data":"\x00"}',
    "bad UTF-8": b'{"type":"a","data":"\xff"}',
    "UTF-16": '{"type":"a"}'.encode("utf-16"),
    "high surrogate": b'{"type":"a","data":"\\ud800"}',
    "low surrogate": b'{"type":"a","data":"\\uDC00"}',
    "surrogate key": b'{"type":"a","data":{"\\ud800":1}}',
    "swapped surrogates": b'{"type":"a","data":"\\udc00\\ud800"}',
    "surrogate in an array": b'[{"type":"a","data":"\\ud800"}]',
}

INVALID = {
    "a number": (b"1", ["body"]),
    "null": (b"null", ["body"]),
    "no type": (b"{}", ["type"]),
    "an empty array": (b"[]", ["body"]),
    "an array in an array": (b'[[{"type":"a"}]]', ["[0]"]),
    "NUL": (b'{"type":"a","data":{"x":["\\u0000"]}}', ["data.x[0]"]),
    "NUL in a key": (b'{"type":"a","data":{"a\\u0000":1}}', ["data"]),
    "NUL in the id": (b'{"type":"a","id":"\\u0000"}', ["id"]),
    "deep": (b'{"type":"a","data":' + b"[" * DEEP + b"]" * DEEP + b"}", ["body"]),
    "33 levels": (b'{"type":"a","data":' + b"[" * 32 + b"]" * 32 + b"}", ["data"]),
    "a huge float": (b'{"type":"a","data":1e999}', ["body"]),
    "a huge integer": (b'{"type":"a","data":[' + b"9" * 400 + b"]}", ["data[0]"]),
    "much data": (json.dumps({"type": "a", "data": "x" * 65_536}).encode(), ["data"]),
    "unknown fields": (b'{"type":"a","typ":1,"to":{"id":"1","mail":"x"}}', ["typ", "to.mail"]),
    "an unknown field that is no name": (b'{"type":"a","<b>canary-9f2c":1}', ["?"]),
    "many wrong types": (
        b'{"type":7,"id":"","to":["user:1","bob",{"id":"a b"}],"channels":["fax"],"lane":"fast",'
        b'"content":{"title":1,"url":"javascript:alert(1)"},"send_at":"tomorrow"}',
        ["type", "id", "to[1]", "to[2].id", "content.title", "content.url", "channels[0]",
         "lane", "send_at"],
    ),
    "no title": (b'{"type":"a","content":{"title":""}}', ["content.title"]),
    "a blank title": (
        '{"type":"a","content":{"title":" \u200b\u3164\ufe0f\U000e0020\u2800"}}'.encode(),
        ["content.title"],
    ),
    "a blank title beside others": (
        b'[{"type":"a","content":{"title":"a"}},{"type":7,"content":{"title":"\\t","url":"x:"}}]',
        ["[1].type", "[1].content.title", "[1].content.url"],
    ),
    "wrong addresses": (
        b'{"type":"a","to":{"id":"1","email":"a@b.de, c@d.de","phone":"0170","locale":"??",'
        b'"timezone":"Mars/Base"}}',
        ["to.email", "to.phone", "to.locale", "to.timezone"],
    ),
    "times that cannot be": (
        b'{"type":"a","time":"0001-01-01T00:00:00Z","send_at":"9999-01-01T00:00:00Z",'
        b'"expires_at":"2000-01-01T00:00:00Z"}',
        ["time", "send_at", "expires_at"],
    ),
    "two of an array": (b'[{"type":"a"},{"type":5},{"type":"a","x":1}]', ["[1].type", "[2].x"]),
    "too many": (b"[" + b",".join([b'{"type":"a"}'] * 1_001) + b"]", ["body"]),
}  # fmt: skip

MEDIA = {
    "XML": {"content-type": "text/xml"},
    "form": {"content-type": "application/x-www-form-urlencoded"},
    "nonsense": {"content-type": ";;;/"},
    "Latin-1": {"content-type": "application/json; charset=iso-8859-1"},
    "gzip": {"content-type": "application/json", "content-encoding": "gzip"},
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_not_json_is_400(memory_bus: Bus, no_database: Database, body: bytes) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
        await only_the_next_is_published(memory_bus, client)


@pytest.mark.parametrize(("body", "fields"), INVALID.values(), ids=INVALID)
async def test_every_wrong_field_is_named(
    memory_bus: Bus, no_database: Database, body: bytes, fields: list[str]
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert sorted(one["field"] for one in answer.json()["errors"]) == sorted(fields)
        assert CANARY not in answer.text
        await only_the_next_is_published(memory_bus, client)


@pytest.mark.parametrize("headers", MEDIA.values(), ids=MEDIA)
async def test_an_unknown_content_type_is_415(
    memory_bus: Bus, no_database: Database, headers: dict[str, str]
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=b'{"type":"a"}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
        await only_the_next_is_published(memory_bus, client)


async def test_binary_data_of_a_cloudevent_is_422(memory_bus: Bus, no_database: Database) -> None:
    attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    headers = {"content-type": "image/png", **attributes}
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=b"\x89PNG", headers=headers)
        assert answer.json()["errors"] == [{"field": "data", "message": "must be JSON or text"}]
        await only_the_next_is_published(memory_bus, client)


@pytest.mark.parametrize(
    "query", ["dry_run=true", "dry_run", "x=1&y=2", "=", "%00=1", "&", "Partial=true"]
)
async def test_a_query_is_never_taken_for_a_real_run(
    memory_bus: Bus, no_database: Database, query: str
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post(f"/v1/events?{query}", json={"type": "a"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
        await only_the_next_is_published(memory_bus, client)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(memory_bus: Bus, no_database: Database, method: str) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.request(method, "/v1/events")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("Basic dXNlcjpwYXNz", "key_missing"),
        ("Bearer", "key_missing"),
        ("Bearer canary-9f2c", "key_invalid"),
        ("Bearer clr_" + "0" * 40, "key_invalid"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/tokens", "/v1/nothing"])
async def test_without_a_key_nothing_is_answered(
    memory_bus: Bus, database: Database, path: str, authorization: str | None, code: str
) -> None:
    async with gateway_client(memory_bus, database) as client:
        del client.headers["authorization"]
        headers = {} if authorization is None else {"authorization": authorization}
        answer = await client.post(path, content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert CANARY not in answer.text


async def test_a_key_does_only_what_its_scopes_say(memory_bus: Bus, database: Database) -> None:
    calls = {
        ("POST", "/v1/events"): "events:write",
        ("GET", "/v1/events/1"): "history:read",
        ("GET", "/v1/notifications"): "history:read",
        ("GET", "/v1/captures"): "history:read",
        ("GET", "/v1/subscribers"): "directory:write",
        ("DELETE", "/v1/topics/a"): "directory:write",
        ("POST", "/v1/tokens"): "tokens:write",
        ("GET", "/v1/parked"): "admin",
    }
    for scope in sorted(set(calls.values())):
        key = await make_key(database, scopes=[scope])
        async with gateway_client(memory_bus, database) as client:
            for (method, path), needed in calls.items():
                body = {"subscriber": "1"} if path == "/v1/tokens" else {"type": "a"}
                answer = await client.request(
                    method,
                    path,
                    json=body if method == "POST" else None,
                    headers={"authorization": f"Bearer {key}"},
                )
                if needed == scope:
                    assert answer.status_code in (200, 201, 202, 404)
                else:
                    assert answer.status_code == 403
                    assert answer.json()["code"] == "missing_scope"
                    assert needed in answer.json()["detail"]


async def only_the_next_is_published(bus: Bus, client: httpx2.AsyncClient) -> None:
    """The next good request works, and it is the first in the queue."""
    published = Published(bus)
    answer = await client.post("/v1/events", json={"type": "good", "id": "next"})
    assert answer.status_code == 202
    assert [entry.id for entry in await published.entries(1)] == ["next"]
