"""`/v1/inbox` by REST."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from tests.support.inbox_calls import get, post
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher, token


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus, database, allowed_origins=["https://app.example.com"]
    ) as running:
        yield running


@pytest.fixture
async def http(pusher: Pusher) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token('user-1')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        yield client


def titles(page: Any) -> list[str]:
    return [item["title"] for item in page["items"]]


async def test_the_inbox_is_listed_newest_first_by_pages(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3", "4", "5")
    first = await get(http, "/v1/inbox", limit=2)
    second = await get(http, "/v1/inbox", limit=2, cursor=first["next_cursor"])
    third = await get(http, "/v1/inbox", limit=2, cursor=second["next_cursor"])

    assert [titles(page) for page in (first, second, third)] == [["5", "4"], ["3", "2"], ["1"]]
    assert third["next_cursor"] is None
    assert (first["version"], first["unread"]) == (5, 5)


async def test_an_item_is_what_the_live_feed_gives(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    frame = (await writer.write("user-1", "one", data={"a": [1, None]}))[0]
    page = await get(http, "/v1/inbox")
    assert page["items"] == [json.loads(frame.body)["item"]]


async def test_states_filter(http: httpx2.AsyncClient, writer: InboxWriter) -> None:
    await writer.write("user-1", "1", "2", "3")
    await post(http, "read", up_to=1)
    ids = [item["id"] for item in (await get(http, "/v1/inbox"))["items"]]
    await post(http, "archive", ids=[ids[1]])

    assert titles(await get(http, "/v1/inbox")) == ["3", "1"]
    assert titles(await get(http, "/v1/inbox", state="all")) == ["3", "2", "1"]
    assert titles(await get(http, "/v1/inbox", state="unread")) == ["3"]
    assert titles(await get(http, "/v1/inbox", state="archived")) == ["2"]
    assert titles(await get(http, "/v1/inbox", category="orders")) == []


async def test_commands_count_what_they_change(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2", "3", "4")
    assert await post(http, "seen", up_to=4) == {"version": 5, "unread": 4, "changed": 4}
    assert await post(http, "read", up_to=5) == {"version": 6, "unread": 0, "changed": 4}
    assert await post(http, "read", up_to=6) == {"version": 6, "unread": 0, "changed": 0}
    assert await post(http, "unread", up_to=6) == {"version": 7, "unread": 4, "changed": 4}
    ids = [item["id"] for item in (await get(http, "/v1/inbox"))["items"]]
    assert await post(http, "archive", ids=ids[:1]) == {"version": 8, "unread": 3, "changed": 1}
    assert await post(http, "read", ids=ids[:2]) == {"version": 9, "unread": 2, "changed": 2}
    assert await post(http, "unread", ids=ids[:1]) == {"version": 10, "unread": 2, "changed": 1}


async def test_a_command_by_rest_reaches_the_sockets(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher
) -> None:
    await writer.write("user-1", "1")
    async with pusher.feed("user-1") as client:
        await post(http, "read", up_to=1)
        frame = await client.next()
    assert (frame["type"], frame["version"], frame["unread"]) == ("changed", 2, 0)


async def test_a_very_large_command_item_by_item_takes_several_versions(
    http: httpx2.AsyncClient, writer: InboxWriter, pusher: Pusher
) -> None:
    await writer.write("user-1", *(str(n) for n in range(4500)))
    await post(http, "read", up_to=4500)
    async with pusher.feed("user-1") as client:
        assert await post(http, "unread", up_to=4500) == {
            "version": 4503,
            "unread": 4500,
            "changed": 4500,
        }
        frames = [await client.next(), await client.next()]
    assert [(one["version"], one["unread"], len(one["items"])) for one in frames] == [
        (4502, 4000, 4000),
        (4503, 4500, 500),
    ]


async def test_changes_are_exact_by_pages(http: httpx2.AsyncClient, writer: InboxWriter) -> None:
    await writer.write("user-1", "1", "2", "3", "4", "5")
    ids = [item["id"] for item in (await get(http, "/v1/inbox"))["items"]]
    await post(http, "read", ids=ids[-2:])
    first = await get(http, "/v1/inbox/changes", since=3, limit=3)
    rest = await get(http, "/v1/inbox/changes", since=3, limit=3, cursor=first["next_cursor"])

    assert titles(first) == ["4", "5", "1"]
    assert (first["version"], first["unread"], first["reset"]) == (5, 3, False)
    assert titles(rest) == ["2"]
    assert (rest["version"], rest["unread"], rest["next_cursor"]) == (6, 3, None)
    none = await get(http, "/v1/inbox/changes", since=6)
    always = {"epoch": first["epoch"], "time": none["time"], "next_cursor": None}
    always["commands"] = []
    assert none == {"items": [], "version": 6, "unread": 3, "reset": False} | always


async def test_changes_since_the_future_are_a_snapshot(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2")
    page = await get(http, "/v1/inbox/changes", since=9)
    assert (titles(page), page["version"], page["reset"]) == (["1", "2"], 2, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("GET", "/v1/inbox?limit=0", None, 422, "invalid", "limit"),
        ("GET", "/v1/inbox?limit=501", None, 422, "invalid", "limit"),
        ("GET", "/v1/inbox?state=lost", None, 422, "invalid", "state"),
        ("GET", "/v1/inbox?cursor=x", None, 422, "invalid", "cursor"),
        ("GET", "/v1/inbox?cursor=%00%ff", None, 422, "invalid", "cursor"),
        ("GET", "/v1/inbox/changes", None, 422, "invalid", "since"),
        ("GET", "/v1/inbox/changes?since=-1", None, 422, "invalid", "since"),
        ("GET", "/v1/inbox/changes?since=99999999999999999999", None, 422, "invalid", "since"),
        ("POST", "/v1/inbox/read", {}, 422, "invalid", "body"),
        ("POST", "/v1/inbox/read", {"ids": []}, 422, "invalid", "ids"),
        ("POST", "/v1/inbox/read", {"ids": ["x"]}, 422, "invalid", "ids[0]"),
        ("POST", "/v1/inbox/read", {"up_to": "1"}, 422, "invalid", "up_to"),
        ("POST", "/v1/inbox/read", {"up_to": 1, "all": True}, 422, "invalid", "all"),
        ("DELETE", "/v1/inbox", None, 405, "method_not_allowed", None),
        ("GET", "/v1/inbox/other", None, 404, "not_found", None),
    ],
)
async def test_bad_requests_name_the_field(
    http: httpx2.AsyncClient,
    method: str,
    path: str,
    body: object,
    status: int,
    code: str,
    field: str | None,
) -> None:
    answer = await http.request(method, path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_command_is_bounded_as_a_frame(
    http: httpx2.AsyncClient, writer: InboxWriter, announced: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"[" * 16_384

    await writer.write("user-1", "1")
    content = b"[" * 1_638_400 if announced else pieces()
    answer = await http.post("/v1/inbox/read", content=content, headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert await post(http, "read", up_to=1) == {"version": 2, "unread": 0, "changed": 1}


async def test_a_cursor_of_other_filters_is_refused(
    http: httpx2.AsyncClient, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2")
    page = await get(http, "/v1/inbox", limit=1)
    answer = await http.get("/v1/inbox", params={"state": "unread", "cursor": page["next_cursor"]})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "token_missing"),
        ("Bearer nonsense", "token_invalid"),
        ("Basic dXNlcjpwYXNz", "token_missing"),
    ],
)
async def test_without_a_token_it_is_401(pusher: Pusher, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        for path in ("/v1/inbox", "/v1/inbox/changes?since=0"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_listed_origins_may_call(http: httpx2.AsyncClient) -> None:
    for origin, allowed in (("https://app.example.com", True), ("https://evil.example", False)):
        answer = await http.options(
            "/v1/inbox",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


async def test_it_is_ready_and_documented(http: httpx2.AsyncClient) -> None:
    ready = await http.get("/readyz")
    assert ready.json() == {
        "status": "ok",
        "checks": {"bus": "ok", "database": "ok", "clock": "ok", "sessions": "ok"},
    }
    document = (await http.get("/v1/inbox/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "clarion_live_sessions" in (await http.get("/metrics")).text
