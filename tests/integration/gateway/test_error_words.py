"""Every refusal names the field and the remedy in our words, wherever OpenAPI says one may err."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from tests.support.gateway import gateway_client
from tests.support.pusher import Pusher, token

CANARY = "canary-9d41"
FRAMEWORK = (
    "Input should",
    "Field required",
    "Extra inputs",
    "String should",
    "List should",
    "Value error",
    "valid integer",
    "unable to parse",
    "Expected `",
    "pydantic",
    "Unexpected",
    "JSON decode error",
    "Object contains",
    'is not as documented"',
    "documented form",
)
WRONG: tuple[Any, ...] = (
    f"\x01{CANARY}", -1, 1e99, [], {f"{CANARY}!": 1}, True, None, "x" * 3_000, [CANARY], 10**30,
)  # fmt: skip


def variants(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[Any]:
    """Bodies that are wrong in one field each, and as a whole."""
    yield from (CANARY, 5, None, [], {f"{CANARY}!": 1}, {})
    properties: dict[str, Any] = resolved(schema, document).get("properties", {})
    for name in properties:
        for value in WRONG:
            yield {name: value}
        yield {f"{name}x": 1}


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema that it refers to."""
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


async def refusals(
    client: httpx2.AsyncClient, document: dict[str, Any], skip: tuple[str, ...] = ()
) -> int:
    """Send what is wrong to every operation; how many refusals were looked at."""
    seen = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("head", "options") or path in skip:
                continue
            for request in requests(path, method, operation, document):
                answer = await client.request(method.upper(), **request)
                assert answer.status_code < 500, (method, path, answer.text)
                if answer.status_code >= 400:
                    check(answer)
                    seen += 1
    return seen


def requests(
    path: str, method: str, operation: dict[str, Any], document: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Calls of one operation that are wrong somewhere."""
    url = path.replace("{", "").replace("}", "")
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        for value in (f"\x01{CANARY}", "-1", "1e99", "x" * 3_000, "", "yesterday"):
            if parameter["in"] == "query":
                yield {"url": url, "params": {name: value}}
                yield {"url": url, "params": {name + "s": value}}
            elif parameter["in"] == "path" and value:
                given = path.replace("{" + name + "}", quote(value, safe=""))
                yield {"url": given.replace("{", "").replace("}", "")}
            elif parameter["in"] == "header" and value.isprintable():
                yield {"url": url, "headers": {name: value}}
    body = operation.get("requestBody")
    if body is None:
        return
    schema = body["content"].get("application/json", {}).get("schema", {})
    for value in variants(schema, document):
        yield {"url": url, "json": value}
    media = {"content-type": "application/json"}
    for raw in (b"{" + CANARY.encode(), b'{"a":', b"\xff{}", b'{"a":"\\ud800"}', b"[NaN]", b" "):
        yield {"url": url, "content": raw, "headers": media}
    yield {"url": url, "content": b"{}", "headers": {"content-type": f"text/{CANARY}"}}
    yield {"url": url, "content": b"{}", "headers": {"content-type": "application/json; charset=x"}}
    yield {"url": url, "headers": media}


def check(answer: httpx2.Response) -> None:
    """It is a problem in our words that repeats nothing."""
    shown = (str(answer.request.method), answer.request.url.path, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", shown
    assert CANARY not in answer.text, shown
    assert [words for words in FRAMEWORK if words in answer.text] == [], shown
    problem = answer.json()
    assert problem["detail"].strip(), shown
    errors = problem.get("errors", [])
    assert all(one["field"] and one["message"] for one in errors), shown
    assert bool(errors) or answer.status_code != 422, shown


@pytest.mark.timeout(300)
async def test_the_gateway_refuses_in_our_words(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        document = (await client.get("/openapi.json")).json()
        assert await refusals(client, document) > 300


@pytest.mark.timeout(300)
async def test_the_pusher_refuses_in_our_words(pusher: Pusher) -> None:
    headers = {"authorization": f"Bearer {token('ada')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        document = (await client.get("/v1/inbox/openapi.json")).json()
        assert await refusals(client, document, skip=("/v1/live/sse",)) > 100
        sse = await client.get("/v1/live/sse", params={"since": "yesterday"})
        check(sse)


@pytest.mark.parametrize(
    ("path", "field", "words"),
    [
        ("/v1/notifications?since=yesterday", "since", "such as 2026-01-31T12:00:00Z"),
        ("/v1/notifications?limit=x", "limit", "a whole number"),
        ("/v1/notifications?limit=501", "limit", "at most 500"),
        ("/v1/notifications?subscribr=a", "subscribr", "did you mean subscriber?"),
        ("/v1/notifications?state=lost", "state", "must be one of seen, unseen"),
        ("/v1/notifications?cursor=AAAA", "cursor", "next_cursor"),
        ("/v1/captures?delivery=7", "delivery", "a UUID, such as"),
        ("/v1/topics/t?limt=5", "limt", "is not a parameter: there is none here"),
        ("/v1/subscribers/ann?a%20b=5", "?", "is not a parameter: there is none here"),
        ("/v1/events/e-1?sorce=shop", "sorce", "there are source, subscriber; did you mean source"),
        ("/v1/audit?action=x", "action", "such as delivery.retry"),
    ],
)
async def test_a_query_that_is_wrong_is_told_what_would_be_right(
    memory_bus: Bus, database: Database, path: str, field: str, words: str
) -> None:
    async with gateway_client(memory_bus, database) as client:
        answer = await client.get(path)
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("/v1/subscribers/1", b'{"emial":"a@b.example"}', "emial", "did you mean email?"),
        ("/v1/subscribers/1", b'{"emial":"a@b.example"}', "emial", "there are attributes, email"),
        ("/v1/topics/1", b'{"nam":"x"}', "nam", "there is name; did you mean name?"),
        ("/v1/topics/1", b'{"name":5}', "name", "must be a string"),
    ],
)
async def test_an_unknown_field_is_told_which_there_are(
    memory_bus: Bus, database: Database, path: str, body: bytes, field: str, words: str
) -> None:
    async with gateway_client(memory_bus, database) as client:
        answer = await client.put(path, content=body, headers={"content-type": "application/json"})
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"type":\n "t",}', "line 2, column"),
        (b'{"type":"t"', "ends too early, at line 1, column 12"),
        (b'{"type":"\xff"}', "not valid UTF-8 at line 1, column 10"),
        (b"", "empty"),
    ],
)
async def test_json_that_is_malformed_is_told_where(
    memory_bus: Bus, no_database: Database, body: bytes, words: str
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (b'{"type":"t","chanels":[]}', "chanels", "did you mean channels?"),
        (b'{"type":"t","content":{"titel":"x"}}', "content.titel", "did you mean title?"),
        (b'{"type":"t","to":{"id":"1","mail":"x"}}', "to.mail", "there are attributes, email"),
    ],
)
async def test_an_unknown_field_of_an_event_is_told_which_there_are(
    memory_bus: Bus, no_database: Database, event: bytes, field: str, words: str
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", content=event)
    found = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert words in found[field]


async def test_the_pusher_refuses_parameters_that_it_does_not_know(pusher: Pusher) -> None:
    headers = {"authorization": f"Bearer {token('ada')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        for method, path, words in (
            ("GET", "/v1/inbox?stat=all", "did you mean state?"),
            ("GET", "/v1/inbox/changes?since=0&sinse=5", "did you mean since?"),
            ("POST", "/v1/inbox/read?limit=5", "there is none here"),
            ("GET", "/v1/live/sse?sinse=5", "did you mean since?"),
        ):
            answer = await client.request(method, path, json={} if method == "POST" else None)
            check(answer)
            (error,) = answer.json()["errors"]
            assert (answer.status_code, words in error["message"]) == (422, True), answer.text
        placed = await client.get("/v1/inbox?shard=3")
    assert placed.status_code == 200
