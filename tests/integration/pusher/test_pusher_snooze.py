"""Snooze by socket and by REST: out of the inbox and of the count, exactly."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from clarion.store.database import Database
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.inbox.commands import InboxCommands
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import Client, Pusher, token

VERBS: tuple[Verb, ...] = ("read", "unread", "seen", "archive", "unarchive", "snooze")

RECOUNT = """
SELECT count(*) FROM notifications WHERE tenant = $1 AND subscriber = $2
    AND read_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL
"""


@pytest.fixture
async def http(pusher: Pusher) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token('user-1')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client:
        yield client


def later(**ahead: float) -> str:
    """An RFC 3339 time from now."""
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


async def titles(http: httpx2.AsyncClient, state: str) -> list[str]:
    page = (await http.get("/v1/inbox", params={"state": state})).json()
    return [item["title"] for item in page["items"]]


async def snooze(client: Client, **fields: Any) -> dict[str, Any]:
    """The answer to a snooze, after the change it made, if any."""
    await client.send({"type": "snooze", "ref": "s"} | fields)
    return (await client.until("ok"))[0]


async def test_a_snoozed_item_leaves_the_inbox_and_the_count(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "1", "2", "3")
    until = later(hours=3)
    async with pusher.feed("user-1") as client, pusher.feed("user-1") as other:
        item = client.past[1]["item"]["id"]
        changed = await snooze(client, ids=[item], until=until)
        assert await other.next() == changed
    (state,) = changed["items"]
    assert (changed["version"], changed["unread"], state["id"]) == (4, 2, item)
    assert datetime.fromisoformat(state["snoozed_until"]) == datetime.fromisoformat(until)
    assert {one: await titles(http, one) for one in ("inbox", "unread", "snoozed", "all")} == {
        "inbox": ["3", "2"],
        "unread": ["3", "2"],
        "snoozed": ["1"],
        "all": ["3", "2", "1"],
    }


async def test_a_snapshot_leaves_out_what_is_snoozed_and_a_replay_tells_of_it(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2")
    async with pusher.feed("user-1") as client:
        await snooze(client, up_to=1, until=later(days=1))
    async with pusher.feed("user-1") as snapshot, pusher.feed("user-1", since=0) as replay:
        shown = [one["item"]["title"] for one in snapshot.past if one["type"] == "notification"]
        told = [one["item"] for one in replay.past if one["type"] == "notification"]
    assert shown == ["2"]
    assert [(one["title"], one["snoozed_until"] is None) for one in told] == [
        ("2", True),
        ("1", False),
    ]


async def test_null_ends_a_snooze_and_leaves_the_item_as_it_was(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "1", "2")
    async with pusher.feed("user-1") as client:
        await client.send({"type": "read", "up_to": 1})
        await client.until("ok")
        slept = await snooze(client, up_to=9, until=later(minutes=1))
        ended = await snooze(client, up_to=9, until=None)
        assert await snooze(client, up_to=9, until=None) == {"type": "ok", "ref": "s"}
    assert (slept["unread"], ended["unread"]) == (0, 1)
    assert sorted(one["read_at"] is None for one in ended["items"]) == [False, True]
    assert [one["snoozed_until"] for one in ended["items"]] == [None, None]


async def test_archived_items_are_not_snoozed_and_archiving_ends_a_snooze(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "1", "2")
    ids = [one["id"] for one in (await http.get("/v1/inbox")).json()["items"]]
    until = later(hours=1)
    answers = [
        (await http.post(f"/v1/inbox/{verb}", json=body)).json()
        for verb, body in (
            ("archive", {"ids": [ids[0]]}),
            ("snooze", {"ids": ids, "until": until}),
            ("archive", {"ids": [ids[1]]}),
            ("snooze", {"ids": ids, "until": None}),
        )
    ]
    assert answers == [
        {"version": 3, "unread": 1, "changed": 1},
        {"version": 4, "unread": 0, "changed": 1},
        {"version": 5, "unread": 0, "changed": 1},
        {"version": 5, "unread": 0, "changed": 0},
    ]
    assert (await titles(http, "archived"), await titles(http, "snoozed")) == (["2", "1"], [])


async def test_unarchive_brings_items_back_as_they_were(
    pusher: Pusher, writer: InboxWriter, http: httpx2.AsyncClient
) -> None:
    await writer.write("user-1", "1", "2")
    before = (await http.get("/v1/inbox")).json()["items"]
    ids = [one["id"] for one in before]
    answers = [
        (await http.post(f"/v1/inbox/{verb}", json=body)).json()
        for verb, body in (
            ("archive", {"ids": ids}),
            ("unarchive", {"up_to": 0}),
            ("unarchive", {"ids": ids[:1]}),
            ("unarchive", {"up_to": 99}),
            ("unarchive", {"ids": ids}),
        )
    ]
    assert answers == [
        {"version": 3, "unread": 0, "changed": 2},
        {"version": 3, "unread": 0, "changed": 0},
        {"version": 4, "unread": 1, "changed": 1},
        {"version": 5, "unread": 2, "changed": 1},
        {"version": 5, "unread": 2, "changed": 0},
    ]
    after = (await http.get("/v1/inbox")).json()["items"]
    assert [one | {"version": 0} for one in after] == [one | {"version": 0} for one in before]
    changes = (await http.get("/v1/inbox/changes", params={"since": 3})).json()
    assert [(one["title"], one["archived_at"]) for one in changes["items"]] == [
        ("2", None),
        ("1", None),
    ]


@pytest.mark.parametrize(
    "until",
    [
        pytest.param(later(seconds=-1), id="past"),
        pytest.param(later(days=367), id="too-far"),
        "2030-01-01T00:00:00",
        "tomorrow",
        1893456000,
        "1893456000",
        "",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
async def test_an_impossible_until_is_refused(
    pusher: Pusher, http: httpx2.AsyncClient, until: object
) -> None:
    answer = await http.post("/v1/inbox/snooze", json={"up_to": 1, "until": until})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until")
    async with pusher.connect("user-1") as client:
        await client.send({"type": "snooze", "up_to": 1, "until": until, "ref": 1})
        error = await client.next()
    assert (error["type"], error["code"], error["ref"]) == ("error", "invalid", 1)


async def test_until_must_be_said(pusher: Pusher, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/inbox/snooze", json={"up_to": 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until")
    async with pusher.connect("user-1") as client:
        await client.send({"type": "snooze", "up_to": 1, "ref": 1})
        assert (await client.next())["code"] == "invalid"


async def test_items_of_another_are_not_snoozed(pusher: Pusher, writer: InboxWriter) -> None:
    await writer.write("user-2", "theirs")
    async with pusher.feed("user-1") as client, pusher.feed("user-2") as other:
        item = other.past[1]["item"]["id"]
        assert (await snooze(client, ids=[item], until=later(hours=1)))["type"] == "ok"
        await other.hello(since=0)
        assert (await other.until("caught_up"))[1] == other.past[1]


@pytest.mark.parametrize("seed", range(4))
async def test_the_unread_count_is_exact_whatever_is_done(
    database: Database, writer: InboxWriter, seed: int
) -> None:
    choice = random.Random(seed)
    commands = InboxCommands(database)
    await writer.store("user-1", [str(n) for n in range(12)])
    async with database.driver() as tx:
        found = await tx.fetch("SELECT id FROM notifications")
    ids: list[UUID] = [row["id"] for row in found]
    for _ in range(60):
        await _do_something(database, commands, choice, ids)
        async with database.driver() as tx:
            counted = await tx.fetchval(RECOUNT, TENANT, "user-1")
            told = await tx.fetchval("SELECT unread FROM inboxes")
        assert told == counted


async def _do_something(
    database: Database, commands: InboxCommands, choice: random.Random, ids: list[UUID]
) -> None:
    if choice.random() < 0.2:
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE notifications SET due_at = now() WHERE snoozed_until IS NOT NULL"
            )
            await unsnooze_due(tx, Portion(choice.randint(1, 5)))
        return
    chosen = tuple(choice.sample(ids, choice.randint(1, 4))) if choice.random() < 0.8 else None
    until = None if choice.random() < 0.3 else datetime.now(UTC) + timedelta(hours=1)
    command = InboxCommand(
        TENANT,
        "user-1",
        choice.choice(VERBS),
        ids=chosen,
        up_to=choice.randint(0, 40),
        until=until,
    )
    await commands.apply(command)
