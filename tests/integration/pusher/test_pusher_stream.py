"""`GET /v1/live/sse`: the same feed, limits and ends as the socket, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.contracts.revocation import Revocation
from clarion.store.database import Database
from testbed.processes import wait_until
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import Pusher, running_pusher, token

Event = dict[str, Any]


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus,
        database,
        heartbeat_s=1,
        max_sessions_per_subscriber=2,
        allowed_origins=["https://app.example.com"],
    ) as running:
        yield running


class Stream:
    """An event source that reads events as a browser does."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.heartbeats = 0
        self.retry_ms = 0

    async def next(self) -> Event:
        """The next event: `event`, `data` (as JSON), `id`; `{}` at the end of the stream.
        Heartbeats are counted."""
        event: Event = {"event": "message", "data": "", "id": None}
        async for line in self._lines:
            if not line and event["event"] == "heartbeat":
                self.heartbeats += 1
                event = {"event": "message", "data": "", "id": None}
            elif not line and event["data"]:
                return event | {"data": json.loads(event["data"])}
            name, _, value = line.partition(": ")
            match name:
                case "":
                    pass
                case "retry":
                    self.retry_ms = int(value)
                case "data":
                    event["data"] += value + "\n"
                case _:
                    event[name] = value
        return {}

    async def until(self, kind: str) -> list[Event]:
        """All events up to the next of this frame type."""
        events: list[Event] = []
        async with asyncio.timeout(10):
            while not events or events[-1]["data"]["type"] != kind:
                events.append(await self.next())
        return events

    async def end(self) -> Event:
        """The last event."""
        last: Event = {}
        async with asyncio.timeout(20):
            while event := await self.next():
                last = event
        return last


@asynccontextmanager
async def streaming(
    pusher: Pusher, subscriber: str | None = "ada", query: str = "", **headers: str
) -> AsyncIterator[Stream]:
    if subscriber is not None:
        headers["authorization"] = f"Bearer {token(subscriber)}"
    async with (
        httpx2.AsyncClient(base_url=pusher.http, timeout=20) as http,
        http.stream("GET", f"/v1/live/sse{query}", headers=headers) as response,
    ):
        if response.status_code != 200:
            await response.aread()
        yield Stream(response)


async def refusal(pusher: Pusher, subscriber: str | None = "ada", **more: Any) -> tuple[int, str]:
    async with streaming(pusher, subscriber, **more) as stream:
        return stream.response.status_code, stream.response.json()["code"]


def told(events: list[Event]) -> list[tuple[Any, ...]]:
    """What a client sees of frames: type, version, id of the event after the epoch."""
    ids = [one["id"] and one["id"].removeprefix(f"{epoch_of(events)}.") for one in events]
    return [
        (one["data"]["type"], one["data"]["version"], of)
        for one, of in zip(events, ids, strict=True)
    ]


def epoch_of(events: list[Event]) -> str:
    """As their welcome tells it."""
    return events[0]["data"]["epoch"]


async def test_a_stream_is_a_snapshot_and_then_live(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("ada", "one")
    async with streaming(pusher) as stream:
        past = await stream.until("caught_up")
        assert told(past) == [
            ("welcome", 1, None),
            ("notification", 1, "1"),
            ("caught_up", 1, "1"),
        ]
        frame = (await writer.write("ada", "two"))[0]
        event = await stream.next()
    assert event == {
        "event": "message",
        "id": f"{epoch_of(past)}.2",
        "data": json.loads(frame.body),
    }
    assert 1000 <= stream.retry_ms <= 5000
    headers = stream.response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store, no-transform"
    assert headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("way", ["header", "since", "both", "epoch", "since and epoch"])
async def test_it_resumes_after_the_last_event(
    pusher: Pusher, writer: InboxWriter, way: str
) -> None:
    await writer.write("ada", "one", "two", "three")
    async with streaming(pusher) as stream:
        epoch = epoch_of(await stream.until("caught_up"))
    query = {"since": "?since=1", "both": "?since=0", "epoch": "?since=0&epoch=x"}.get(way, "")
    headers = {} if way.startswith("since") else {"last-event-id": "1"}
    if way == "epoch":
        headers = {"last-event-id": f"{epoch}.1"}
    elif way == "since and epoch":
        query = f"?since=1&epoch={epoch}"
    async with streaming(pusher, query=query, **headers) as stream:
        assert told(await stream.until("caught_up"))[1:] == [
            ("notification", 2, "2"),
            ("notification", 3, "3"),
            ("caught_up", 3, "3"),
        ]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_an_event_of_another_epoch_is_answered_by_a_reset(
    pusher: Pusher, writer: InboxWriter, way: str
) -> None:
    await writer.write("ada", "one", "two")
    query, headers = "?since=1&epoch=another", {}
    if way == "header":
        query, headers = "", {"last-event-id": "another.1"}
    async with streaming(pusher, query=query, **headers) as stream:
        events = await stream.until("caught_up")
    assert events[0]["data"]["reset"] is True
    assert told(events)[1:] == [
        ("notification", 1, "1"),
        ("notification", 2, "2"),
        ("caught_up", 2, "2"),
    ]


async def test_line_ends_within_a_frame_do_not_end_the_event(
    pusher: Pusher, writer: InboxWriter
) -> None:
    async with streaming(pusher) as stream:
        await stream.until("caught_up")
        (frame,) = await writer.store("ada", ["one"])
        spread = frame.body.replace(b",", b",\r\n\n\r").replace(b":{", b":\n{")
        await writer.announce([type(frame)(frame.feed, frame.version, spread)])
        assert (await stream.next())["data"] == json.loads(frame.body)


async def test_an_idle_stream_hears_a_heartbeat_and_is_not_cut(pusher: Pusher) -> None:
    async with streaming(pusher) as stream:
        await stream.until("caught_up")
        (session,) = pusher.engine.sessions
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4):
                await stream.next()
        assert stream.heartbeats >= 3
        assert session.is_open


async def test_expiry_ends_it_and_says_why(pusher: Pusher) -> None:
    short = token("ada", ttl_s=2)
    async with streaming(pusher, None, authorization=f"Bearer {short}") as stream:
        assert await stream.end() == {
            "event": "close",
            "id": None,
            "data": {"code": 4401, "reason": "token_expired", "come_back": False},
        }
    await wait_until(lambda: not pusher.engine.sessions, 10, "the session's end")


async def test_revocation_ends_it_and_keeps_it_away(pusher: Pusher) -> None:
    async with streaming(pusher) as stream:
        await stream.until("caught_up")
        pusher.engine.revocations.apply(Revocation(1, TENANT, "ada", None, time.time() + 1, 9e9))
        assert (await stream.end())["data"]["reason"] == "token_revoked"
    assert await refusal(pusher) == (401, "token_revoked")


async def test_a_pusher_that_stops_says_when_to_come_back(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database) as pusher, streaming(pusher) as stream:
        await stream.until("caught_up")
        pusher.server.should_exit = True
        event = await stream.next()
        assert event["data"] == {"type": "reconnect", "after_ms": stream.retry_ms}
        assert (await stream.end())["data"] == {
            "code": 1012,
            "reason": "going_away",
            "come_back": True,
        }


async def test_a_peer_that_leaves_is_noticed(pusher: Pusher) -> None:
    async with streaming(pusher) as stream:
        await stream.until("caught_up")
        assert len(pusher.engine.sessions) == 1
    await wait_until(lambda: not pusher.engine.sessions, 10, "the session's end")
    assert pusher.engine.hub.feeds == {}


async def test_a_reader_that_stalls_loses_nothing(
    memory_bus: Bus, database: Database, writer: InboxWriter
) -> None:
    """Its backlog is thrown away; when it reads again it resumes from the store."""
    async with (
        running_pusher(memory_bus, database, max_backlog_bytes=65_536) as pusher,
        streaming(pusher) as stream,
    ):
        await stream.until("caught_up")
        (session,) = pusher.engine.sessions
        versions = 0
        while session.write_buffer.paused_at is None or versions < 1000:
            versions += len(await writer.write("ada", *["x"] * 100, data="y" * 2_000))
        assert session.version < versions
        got: list[int] = []
        async with asyncio.timeout(60):
            while not got or got[-1] < versions:
                event = await stream.next()
                if event["data"]["type"] == "notification":
                    got.append(event["data"]["version"])
    assert got == list(range(1, versions + 1))


async def test_limits_are_those_of_the_socket(pusher: Pusher) -> None:
    async with streaming(pusher) as one, pusher.feed("ada"):
        await one.until("caught_up")
        assert await refusal(pusher) == (409, "too_many_sessions")
        async with streaming(pusher) as refused:
            assert refused.response.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"subscriber": None}, 401, "token_missing"),
        ({"subscriber": None, "query": "?token=rubbish"}, 401, "token_invalid"),
        ({"subscriber": None, "query": "?ticket=rubbish"}, 401, "ticket_invalid"),
        ({"query": "?since=-1"}, 422, "invalid"),
        ({"last-event-id": "x"}, 422, "invalid"),
        ({"origin": "https://evil.example"}, 403, "origin_not_allowed"),
    ],
)
async def test_what_does_not_open_is_an_http_answer(
    pusher: Pusher, more: dict[str, Any], status: int, code: str
) -> None:
    assert await refusal(pusher, **more) == (status, code)


async def test_a_listed_origin_and_a_token_in_the_address_open(pusher: Pusher) -> None:
    query = f"?token={token('ada')}"
    async with streaming(pusher, None, query, origin="https://app.example.com") as stream:
        await stream.until("caught_up")
    headers = stream.response.headers
    assert headers["access-control-allow-origin"] == "https://app.example.com"


async def test_the_setting_closes_the_address_to_tokens(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, token_in_query=False) as pusher:
        query = f"?token={token('ada')}"
        assert await refusal(pusher, None, query=query) == (401, "token_missing")


async def test_a_token_revoked_while_answers_before_wait_opens_no_stream(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that nobody reads hold up the head of the stream, whose token was judged before."""
    async with running_pusher(memory_bus, database, send_buffer_bytes=8192) as pusher:
        writer = InboxWriter(database, memory_bus)
        await writer.write("user-1", *("x" * 200 for _ in range(500)), data="y" * 2_000)
        judged = asyncio.Event()
        verify = pusher.engine.verifier.verify
        calls = 0

        async def counted(secret: str) -> Any:
            nonlocal calls
            calls += 1
            found = await verify(secret)
            if calls == 2:
                judged.set()
            return found

        monkeypatch.setattr(pusher.engine.verifier, "verify", counted)
        secret = token("user-1", now=time.time() - 5)
        head = f"Host: x\r\nAuthorization: Bearer {secret}\r\n\r\n"
        connection, out = await asyncio.open_connection("127.0.0.1", pusher.port, limit=1024)
        try:
            out.write(f"GET /v1/inbox?limit=500 HTTP/1.1\r\n{head}".encode())
            out.write(f"GET /v1/live/sse HTTP/1.1\r\n{head}".encode())
            async with asyncio.timeout(20):
                await judged.wait()
                assert not pusher.engine.sessions
                pusher.engine.revocations.apply(
                    Revocation(1, TENANT, "user-1", None, time.time(), time.time() + 600)
                )
                rest = await connection.read()
        finally:
            out.close()
        await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
    stream = rest.partition(b"text/event-stream")[2]
    assert b"token_revoked" in stream
    assert b'"type":"welcome"' not in stream
