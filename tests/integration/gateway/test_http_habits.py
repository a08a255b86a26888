"""What HTTP clients and proxies take for granted, at gateway and pusher."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import msgspec
import pytest
from sqlalchemy import insert

from clarion.bus.protocol import Bus
from clarion.contracts.cloudevents import BATCHED, STRUCTURED
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, Entry, encode_envelope
from clarion.contracts.event import Event
from clarion.contracts.ids import new_id
from clarion.store.database import Database
from clarion.store.tables import attempts
from services.gateway.admin.history import notifications as history
from tests.support.gateway import Published, at, gateway_client
from tests.support.gateway_rows import (
    TRACE_ID,
    put_delivery,
    put_event,
    put_notification,
    put_parked,
)
from tests.support.pusher import Pusher, token

BOM = b"\xef\xbb\xbf"
CHANGING = ("traceparent", "date", "ratelimit", "content-length")
JSON = {"content-type": "application/json"}


def steady(answer: httpx2.Response) -> dict[str, str]:
    """The headers that are the same in two answers."""
    return {name: value for name, value in answer.headers.items() if name not in CHANGING}


async def check_heads(client: httpx2.AsyncClient, document: dict[str, Any]) -> int:
    """HEAD answers every address that takes GET as GET does, without the body."""
    gets = [path for path, methods in document["paths"].items() if "get" in methods]
    for path in gets:
        url = path.replace("{", "").replace("}", "")
        if path.endswith("/sse"):
            continue
        got, head = await client.get(url), await client.head(url)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert steady(head) == steady(got), path
        allowed = (await client.options(url)).headers["allow"].split(", ")
        wanted = {name.upper() for name in document["paths"][path]} | {"HEAD", "OPTIONS"}
        assert set(allowed) >= wanted, path
    return len(gets)


async def test_the_gateway_answers_head_and_options(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        assert await check_heads(client, (await client.get("/openapi.json")).json()) > 15
        await client.put("/v1/subscribers/ada", json={})
        head = await client.head("/v1/subscribers/ada")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 100


async def test_the_pusher_answers_head_and_options(pusher: Pusher) -> None:
    headers = {"authorization": f"Bearer {token('ada')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        document = (await client.get("/v1/inbox/openapi.json")).json()
        assert await check_heads(client, document) > 4
        stream = await client.head("/v1/live/sse")
        assert (stream.status_code, stream.headers["content-type"][:17]) == (
            200,
            "text/event-stream",
        )
        ticket = (await client.post("/v1/tickets")).json()["ticket"]
        await client.head(f"/v1/live/sse?ticket={ticket}")
        async with pusher.connect(query=f"?ticket={ticket}") as session:
            await session.hello()
            assert (await session.next())["type"] == "welcome"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/v1/subscribers/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("DELETE", "/v1/subscribers", {"GET", "HEAD"}),
        ("PATCH", "/v1/topics/1/subscribers/2", {"PUT", "DELETE"}),
        ("GET", "/v1/tokens", {"POST"}),
        ("GET", "/v1/events", {"POST"}),
        ("PUT", "/healthz", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_told_all_that_there_are(
    memory_bus: Bus, database: Database, method: str, path: str, allow: set[str]
) -> None:
    async with gateway_client(memory_bus, database) as client:
        answer = await client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allow


CONTROLS = ("\x00", "\x1b", "\n", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f")


@pytest.mark.parametrize("control", CONTROLS)
async def test_control_characters_in_ids_are_refused(
    memory_bus: Bus, no_database: Database, control: str
) -> None:
    event = {"type": "t", "id": f"a{control}", "source": f"{control}b"}
    cloud = {"specversion": "1.0", "type": "t", "id": f"a{control}", "source": "s"}
    async with gateway_client(memory_bus, no_database) as client:
        plain = await client.post("/v1/events", json=event)
        structured = await client.post(
            "/v1/events",
            content=msgspec.json.encode(cloud),
            headers={"content-type": STRUCTURED},
        )
        typed = await client.post(
            "/v1/events", json={"type": f"t{control}", "category": f"c{control}"}
        )
    assert plain.status_code == structured.status_code == typed.status_code == 422
    assert {one["field"] for one in plain.json()["errors"]} == {"id", "source"}
    assert [one["field"] for one in structured.json()["errors"]] == ["id"]
    assert {one["field"] for one in typed.json()["errors"]} == {"type", "category"}


@pytest.mark.parametrize("good", ["Zoë 7", "émile", "日本", "a/b?c#d", "👩‍🚀", "a\u00a0b"])
async def test_ids_in_any_writing_are_taken(
    memory_bus: Bus, no_database: Database, good: str
) -> None:
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", json={"type": "t", "id": good, "source": good})
    assert (answer.status_code, answer.json()["ids"]) == (202, [good])


@pytest.mark.parametrize("name", [".", ".."])
async def test_nobody_is_called_as_an_address_cannot_be(
    memory_bus: Bus, database: Database, name: str
) -> None:
    tos: list[Any] = [
        f"user:{name}",
        f"topic:{name}",
        {"id": name},
        [f"user:{name}"],
        [{"id": name}],
    ]
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/topics/vips", json={})
        answers = [await client.post("/v1/events", json={"type": "t", "to": to}) for to in tos]
        answers += [
            await client.post("/v1/topics/vips/subscribers", json={"subscribers": [name]}),
            await client.post("/v1/tokens", json={"subscriber": name}),
            await client.post("/v1/tokens", json={"subscriber": "1", "publish": [name]}),
            await client.get("/v1/notifications", params={"subscriber": name}),
            await client.put(f"/v1/topics/vips/subscribers/{name.replace('.', '%2E')}"),
        ]
        fine = await client.post("/v1/events", json={"type": "t", "to": ["user:...", "user:.a"]})
    assert [one.status_code for one in answers[:-1]] == [422] * (len(answers) - 1)
    assert answers[-1].status_code in (404, 405, 422)
    assert fine.status_code == 202


async def test_a_leap_second_is_the_microsecond_before(memory_bus: Bus, database: Database) -> None:
    published = Published(memory_bus)
    times = '"time":"2016-12-31T23:59:60Z","expires_at":"2029-01-01T00:59:60.5+01:00"'
    cloud = (
        '{"specversion":"1.0","id":"c","source":"s","type":"t","time":"2016-12-31T18:59:60-05:00"}'
    )
    async with gateway_client(memory_bus, database) as client:
        plain = f'{{"type":"t",{times},"data":1e22}}'
        answers = [
            await client.post("/v1/events", content=plain),
            await client.post("/v1/events", content=cloud, headers={"content-type": STRUCTURED}),
            await client.get("/v1/notifications?since=2016-12-31T23:59:60Z"),
            await client.get("/v1/notifications?since=2016-12-31t23:59:59.123456789z"),
        ]
        wrong = [
            await client.post("/v1/events", content='{"type":"t","time":"2016-12-31T12:00:60Z"}'),
            await client.post("/v1/events", content='{"type":"t","time":"2016-12-31T23:59:61Z"}'),
            await client.get("/v1/notifications?since=2016-12-31T23:59:59"),
            await client.get("/v1/notifications?since=1483228799"),
        ]
        events = [
            msgspec.json.decode(bytes(one.event), type=Event) for one in await published.entries(2)
        ]
    assert [one.status_code for one in answers] == [202, 202, 200, 200]
    assert [one.status_code for one in wrong] == [422] * 4
    before = datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert [one.time for one in events] == [before, before]
    assert events[0].expires_at == datetime(2028, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert events[0].data == msgspec.Raw(b"1e22")


async def test_a_byte_order_mark_before_json_is_passed_over(
    memory_bus: Bus, database: Database, pusher: Pusher
) -> None:
    cloud = b'{"specversion":"1.0","id":"c","source":"s","type":"t"}'
    binary = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "s", "ce-type": "t"}
    posts: list[tuple[bytes, dict[str, str]]] = [
        (b'{"type":"t"}', JSON),
        (b'[{"type":"t"}]', JSON),
        (cloud, {"content-type": STRUCTURED}),
        (b"[" + cloud + b"]", {"content-type": BATCHED}),
        (b"[1]", binary | JSON),
    ]
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        for body, headers in posts:
            answer = await client.post("/v1/events", content=BOM + body, headers=headers)
            assert answer.status_code == 202, answer.text
        put = await client.put(
            "/v1/subscribers/1", content=BOM + b'{"attributes":{"a":1e22}}', headers=JSON
        )
        assert (put.status_code, b"1e22" in put.content) == (200, True)
        entries = await published.entries(5)
    assert not any(BOM in bytes(one.event) for one in entries)
    authorized = {"authorization": f"Bearer {token('ada')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=authorized) as inbox:
        read = await inbox.post("/v1/inbox/read", content=BOM + b'{"up_to":0}', headers=JSON)
        assert read.status_code == 200, read.text
    async with pusher.connect("ada") as session:
        await session.connection.send('\ufeff{"type":"hello"}')
        assert (await session.next())["type"] == "welcome"


@pytest.mark.parametrize(
    "url",
    ["/\\evil.example", "\\/evil.example", "/\t/evil.example", "/\n/evil.example", "/\\/x", "/a\\b",
     "https://a\\@evil.example", "#\x7f", "?\x85", "//evil.example", "javascript:alert(1)"],
)  # fmt: skip
async def test_links_that_browsers_read_in_another_way_are_refused(
    memory_bus: Bus, no_database: Database, url: str
) -> None:
    event = {"type": "t", "content": {"title": "x", "url": url}}
    async with gateway_client(memory_bus, no_database) as client:
        answer = await client.post("/v1/events", json=event)
        fine = await client.post(
            "/v1/events", json={"type": "t", "content": {"title": "x", "url": "/a b/%5C?q=/#//"}}
        )
    assert (answer.status_code, fine.status_code) == (422, 202)
    assert [one["field"] for one in answer.json()["errors"]] == ["content.url"]


@pytest.mark.parametrize(
    "name", ["authorization", "content-type", "idempotency-key", "traceparent"]
)
async def test_a_header_that_may_come_once_is_refused_twice(
    memory_bus: Bus, database: Database, pusher: Pusher, name: str
) -> None:
    values = {"content-type": "application/json", "idempotency-key": "k"}
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with gateway_client(memory_bus, database) as client:
        values |= {"authorization": client.headers["authorization"], "traceparent": trace}
        del client.headers["authorization"]
        twice = [*values.items(), (name, values[name])]
        sent = await client.post("/v1/events", content=b'{"type":"t"}', headers=twice)
        put = await client.put("/v1/topics/1", content=b"{}", headers=twice)
    values["authorization"] = f"Bearer {token('ada')}"
    twice = [*values.items(), (name, values[name])]
    async with httpx2.AsyncClient(base_url=pusher.http) as inbox:
        read = await inbox.get("/v1/inbox", headers=twice)
    for answer in (sent, put, read):
        assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header"), answer.text
        assert [one["field"].lower() for one in answer.json()["errors"]] == [name]


async def test_nobody_on_the_way_keeps_or_renders_an_answer(
    memory_bus: Bus, database: Database, pusher: Pusher
) -> None:
    async with gateway_client(memory_bus, database) as client:
        answers = [
            await client.post("/v1/tokens", json={"subscriber": "ada"}),
            *[await client.get(f"/v1/{name}") for name in ("captures", "notifications", "audit")],
            await client.get("/v1/events/none"),
            await client.post("/v1/events", json={"type": "t"}),
        ]
    authorized = {"authorization": f"Bearer {token('ada')}"}
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "12",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with httpx2.AsyncClient(base_url=pusher.http, headers=authorized) as inbox:
        paths = ("/v1/inbox", "/v1/inbox/changes?since=x", "/v1/nothing", "/v1/live", "/v1/inbox?x")
        answers += [await inbox.get(path) for path in paths]
        answers += [await inbox.post("/v1/tickets"), await inbox.put("/v1/inbox")]
        answers += [await inbox.get("/v1/live?ticket=none", headers=upgrade)]
        answers += [await inbox.head("/v1/live/sse"), await inbox.get("/healthz")]
    for answer in answers:
        shown = (answer.request.method, str(answer.request.url), answer.status_code)
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], shown
        assert "default-src 'none'" in answer.headers["content-security-policy"], shown
        if answer.request.url.path.startswith("/v1/"):
            assert answer.headers["cache-control"].split(",")[0] == "no-store", shown


async def test_a_delivery_and_its_attempts_are_of_one_moment(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification = await put_notification(database, await put_event(database, at("12:00:00")))
    delivery = await put_delivery(database, notification)
    row = {
        "tenant": "default",
        "delivery": delivery,
        "n": 1,
        "provider": "smtp",
        "started_at": at("12:00:01"),
        "duration_ms": 1,
        "outcome": "sent",
    }
    before = history._deliveries  # pyright: ignore[reportPrivateUsage] (what happens in between)

    async def after_a_change(*arguments: Any) -> Any:
        async with database.transaction() as other:
            await other.execute(insert(attempts).values(id=new_id(), **row))
        return await before(*arguments)

    monkeypatch.setattr(history, "_deliveries", after_a_change)
    async with gateway_client(memory_bus, database) as client:
        first = (await client.get(f"/v1/notifications/{notification}")).json()
        monkeypatch.setattr(history, "_deliveries", before)
        second = (await client.get(f"/v1/notifications/{notification}")).json()
    assert [len(one["deliveries"][0]["attempts"]) for one in (first, second)] == [0, 1]


async def test_the_parked_message_of_an_event_is_found_among_others_of_its_trace(
    memory_bus: Bus, database: Database
) -> None:
    trace = f"00-{TRACE_ID}-00f067aa0ba902b7-01"

    def body(identifier: str, source: str = "shop") -> bytes:
        entry = Entry(identifier, source, "default", at("12:00:00"), trace, Event("t", to="user:1"))
        return encode_envelope([entry])

    shared: dict[str, Any] = {"content_type": ENVELOPE_CONTENT_TYPE, "trace_id": TRACE_ID}
    await put_event(database, at("12:00:00"), state="parked", event_id='o-"7"')
    await put_parked(database, body=body('o-"7"', "other"), reason="first", **shared)
    ours = await put_parked(database, body=body('o-"7"'), reason="planning_failed", **shared)
    await put_parked(database, body=body('o-"7"'), reason="not_allowed", **shared)
    await put_parked(database, body=b"\xff" * 300_000, reason="large", **shared)
    await put_parked(database, body=body("o-77"), reason="later", **shared)
    async with gateway_client(memory_bus, database) as client:
        shown = (await client.get('/v1/events/o-"7"')).json()
    assert (shown["parked"]["id"], shown["parked"]["reason"]) == (str(ours), "planning_failed")
