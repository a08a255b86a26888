"""Commands with a key, by REST and by frames: one that is sent again is applied once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from services.pusher.inbox import command, keyed_commands, snooze
from services.pusher.inbox.keyed_commands import KeyedCommands
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Client, Pusher, running_pusher, token


@pytest.fixture
async def http(pusher: Pusher) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(pusher) as client:
        yield client


def client_of(pusher: Pusher, subscriber: str = "user-1") -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {token(subscriber)}"}
    return httpx2.AsyncClient(base_url=pusher.http, headers=headers, timeout=30)


async def post(http: httpx2.AsyncClient, verb: str, key: str | None = None, **body: Any) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    response = await http.post(f"/v1/inbox/{verb}", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(http: httpx2.AsyncClient, verb: str, key: str, **body: Any) -> tuple[int, str]:
    headers = {"idempotency-key": key}
    response = await http.post(f"/v1/inbox/{verb}", json=body, headers=headers)
    return response.status_code, response.json()["code"]


async def unread(http: httpx2.AsyncClient) -> int:
    return (await http.get("/v1/inbox")).json()["unread"]


async def test_a_repeat_is_answered_as_before_and_undoes_nothing(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.feed("user-1") as client:
        first = await post(http, "read", "k1", up_to=1)
        await post(http, "unread", "k2", up_to=3)
        again = [await post(http, "read", key, up_to=1) for key in ("k1", '"k1"')]
        await post(http, "archive", up_to=0)
        frames = [await client.next() for _ in range(2)]
    assert first == {"version": 3, "unread": 1, "changed": 1}
    assert again == [first, first]
    assert await unread(http) == 2
    assert [one["version"] for one in frames] == [3, 4]


async def test_a_repeat_without_effect_stays_without(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    nothing = await post(http, "read", "early", up_to=10)
    await writer.write("user-1", "one")
    assert await post(http, "read", "early", up_to=10) == nothing
    assert nothing == {"version": 0, "unread": 0, "changed": 0}
    assert await unread(http) == 1


async def test_a_key_with_another_command_is_refused_and_changes_nothing(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    frames = await writer.write("user-1", "one", "two")
    assert len(frames) == 2
    await post(http, "read", "k", up_to=1)
    reused = (422, "idempotency_key_reused")
    assert await refused(http, "read", "k", up_to=2) == reused
    assert await refused(http, "seen", "k", up_to=1) == reused
    assert await refused(http, "snooze", "k", up_to=1, until=None) == reused
    assert await refused(http, "read", "k", ids=["018f0000-0000-7000-8000-000000000000"]) == reused
    assert await unread(http) == 1


@pytest.mark.parametrize("key", ["", '""', "k" * 257, "a\tb", "\xe9".encode("latin-1")])
async def test_a_key_that_is_none_is_refused(http: httpx2.AsyncClient, key: str) -> None:
    assert await refused(http, "read", key, up_to=1) == (422, "invalid")


async def by_frame(client: Client, kind: str, key: str, **more: Any) -> Any:
    """The answer to a command, as a frame of a live session."""
    await client.send({"type": kind, "key": key, "ref": 1} | more)
    while (frame := await client.next())["type"] not in ("ok", "error"):
        pass
    return frame


@pytest.mark.parametrize("ways", [("rest", "frame"), ("frame", "rest"), ("frame", "frame")])
async def test_a_command_is_applied_once_whichever_way_it_comes(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient, ways: tuple[str, str]
) -> None:
    await writer.write("user-1", "one", "two")

    async def mark_read(way: str) -> None:
        if way == "rest":
            await post(http, "read", "k", up_to=1)
            return
        async with pusher.feed("user-1") as client:  # another session each time
            assert await by_frame(client, "read", "k", up_to=1) == {"type": "ok", "ref": 1}

    await mark_read(ways[0])
    await post(http, "unread", up_to=9)
    await mark_read(ways[1])
    assert await unread(http) == 2


async def test_a_key_of_a_frame_is_kept_as_one_of_a_call(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "one")
    await post(http, "read", "k", up_to=1)
    async with pusher.feed("user-1") as client:
        reused = await by_frame(client, "archive", "k", up_to=1)
        faulty = [
            await by_frame(client, "read", key, up_to=1)  # pyright: ignore[reportArgumentType]
            for key in ("", "k" * 257, "a\tb", "\x00", 7, ["k"])
        ]
        whole = await by_frame(client, "seen", "k" * 256, up_to=1)
    assert reused["code"] == "idempotency_key_reused"
    assert "`key` was used with another command" in reused["detail"]
    assert [(one["code"], "`key` must be" in one["detail"]) for one in faulty] == [
        ("invalid", True)
    ] * 6
    assert whole["type"] == "ok"


async def test_a_snooze_that_comes_again_after_its_end_is_answered_as_the_repeat_it_is(
    pusher: Pusher,
    writer: InboxWriter,
    http: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await writer.write("user-1", "one")
    end = datetime.now(UTC) + timedelta(hours=1)
    until = end.isoformat()
    first = await post(http, "snooze", "k", up_to=1, until=until)

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return cls.fromtimestamp(end.timestamp() + 1, tz)

    monkeypatch.setattr(snooze, "datetime", Later)
    assert await post(http, "snooze", "k", up_to=1, until=until) == first
    elsewhere = end.astimezone(timezone(timedelta(hours=2))).isoformat()
    async with pusher.feed("user-1") as client:
        again = await by_frame(client, "snooze", "k", up_to=1, until=elsewhere)
        late = await by_frame(client, "snooze", "another", up_to=1, until=until)
        other = await by_frame(client, "snooze", "k", up_to=2, until=until)
        bare = await by_frame(client, "snooze", "x", up_to=1, until="2020-01-01T00:00:00Z")
    assert again["type"] == "ok"
    assert [one["code"] for one in (late, other, bare)] == [
        "invalid",
        "idempotency_key_reused",
        "invalid",
    ]
    assert late["detail"] == "`until` must lie in the future."
    assert await refused(http, "snooze", "new", up_to=1, until=until) == (422, "invalid")
    async with pusher.feed("user-1") as client:  # a key that was refused is not used up
        assert (await by_frame(client, "read", "another", up_to=1))["type"] == "ok"


async def test_keys_of_two_subscribers_are_two(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "one")
    await writer.write("user-2", "one")
    await post(http, "read", "k", up_to=1)
    async with client_of(pusher, "user-2") as other:
        assert (await post(other, "archive", "k", up_to=1))["changed"] == 1


async def test_repeats_at_the_same_time_by_two_pushers_are_applied_once(
    bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, bus)
    await writer.write("user-1", *(str(n) for n in range(20)))
    async with (
        running_pusher(bus, database) as here,
        running_pusher(bus, database) as there,
        client_of(here) as one,
        client_of(there) as two,
    ):
        answers = await asyncio.gather(
            *(post(http, "read", f"k{n}", up_to=n) for n in range(1, 20) for http in (one, two) * 3)
        )
    by_version: dict[int, int] = {}
    for answer in answers:
        if answer["changed"]:
            assert by_version.setdefault(answer["version"], answer["changed"]) == answer["changed"]
    async with database.driver() as tx:
        entries = await tx.fetch("SELECT version FROM inbox_commands")
        rows = await tx.fetchval("SELECT count(*) FROM command_keys WHERE is_done")
    assert {row["version"] for row in entries} == by_version.keys()
    assert (sum(by_version.values()), rows) == (19, 19)


async def test_what_broke_off_between_two_transactions_goes_on_where_it_was(
    pusher: Pusher,
    writer: InboxWriter,
    http: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = await writer.write("user-1", *(str(n) for n in range(10)))
    assert len(frames) == 10
    page = (await http.get("/v1/inbox")).json()["items"]
    ids = [item["id"] for item in page]
    monkeypatch.setattr(command, "MAX_CHANGED", 4)
    take, left = keyed_commands.take_step, 2

    async def breaks_off(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionResetError
        return await take(*arguments)

    monkeypatch.setattr(keyed_commands, "take_step", breaks_off)
    assert (await refused(http, "read", "k", ids=ids))[0] == 503
    assert await unread(http) == 2
    await post(http, "unread", ids=ids[:1])
    monkeypatch.setattr(keyed_commands, "take_step", take)
    whole = await post(http, "read", "k", ids=ids)
    assert whole == {"version": 14, "unread": 1, "changed": 10}
    assert await post(http, "read", "k", ids=ids) == whole
    assert await unread(http) == 1


async def test_keys_are_kept_for_a_while_and_so_many_of_a_subscriber(
    pusher: Pusher,
    database: Database,
    writer: InboxWriter,
    http: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def kept() -> list[str]:
        async with database.driver() as tx:
            rows = await tx.fetch("SELECT key FROM command_keys ORDER BY at")
        return [row["key"] for row in rows]

    await writer.write("user-1", "one")
    monkeypatch.setattr(keyed_commands, "MAX_KEYS", 3)
    for n in range(5):
        await post(http, "seen", f"k{n}", up_to=n)
    assert await kept() == ["k2", "k3", "k4"]
    async with database.driver() as tx:
        await tx.execute("UPDATE command_keys SET at = at - $1::interval", timedelta(minutes=11))
    await post(http, "archive", "k4", up_to=1)  # as if it had never come
    assert await kept() == ["k4"]
    async with database.driver() as tx:
        await tx.execute("UPDATE command_keys SET at = at - $1::interval", timedelta(minutes=11))
    await KeyedCommands(database).trim_once()
    assert await kept() == []


async def test_a_page_of_another_origin_may_send_a_key(memory_bus: Bus, database: Database) -> None:
    origin = "https://app.example.com"
    async with (
        running_pusher(memory_bus, database, allowed_origins=[origin]) as pusher,
        httpx2.AsyncClient(base_url=pusher.http) as http,
    ):
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key",
        }
        answer = await http.options("/v1/inbox/read", headers=asked)
    assert answer.status_code == 200
    assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()
