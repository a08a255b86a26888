"""`publish`: a subscriber tells the members of a topic, with every promise of an event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clarion.bus import Bus, BusStatus, Message
from clarion.bus.memory import MemoryBus
from clarion.errors import PublishUnknown
from clarion.store.database import Database
from clarion.topology import EVENTS, events_queue
from tests.support.inbox_writer import TENANT
from tests.support.notifier import rows, running_notifiers, wait_for_rows
from tests.support.pusher import Client, Frame, Pusher, running_pusher, token

ROOM = "room:42"
NOT_ALLOWED = {
    "type": "error",
    "code": "topic_not_allowed",
    "detail": "The token does not name this topic in `publish`.",
    "ref": None,
}


class Doubtful(MemoryBus):
    """Takes nothing while `away`, and does not say whether it took an event while `silent`."""

    away = False
    silent = False

    def status(self) -> BusStatus:
        return BusStatus(can_publish=not self.away, can_consume=True)

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        await super().publish(exchange, key, message, mandatory=mandatory)
        if self.silent and exchange == EVENTS:
            raise PublishUnknown("No confirm came.")


@asynccontextmanager
async def joined(
    pusher: Pusher,
    subscriber: str,
    *,
    topics: Sequence[str] = (ROOM,),
    tenant: str = TENANT,
    since: int | None = None,
) -> AsyncIterator[Client]:
    """A session that may publish to these topics, caught up."""
    said = token(subscriber, tenant=tenant, publish=topics)
    async with pusher.connect(additional_headers={"Authorization": f"Bearer {said}"}) as client:
        await client.hello(since)
        client.past = await client.until("caught_up")
        yield client


async def add_members(database: Database, *members: str, tenant: str = TENANT) -> None:
    async with database.driver() as tx:
        await tx.execute("INSERT INTO topics (tenant, id) VALUES ($1, $2)", tenant, ROOM)
        for member in members:
            await tx.execute(
                "INSERT INTO topic_members (tenant, topic, subscriber) VALUES ($1, $2, $3)",
                tenant,
                ROOM,
                member,
            )


async def queued(bus: Bus) -> list[Any]:
    """The entries of every envelope that waits."""
    subscription = bus.subscribe(events_queue("normal"), prefetch=100)
    found: list[Any] = []
    for received in await subscription.take(100):
        found += json.loads(received.body)["events"]
    await subscription.close()
    return found


def said(frame: dict[str, Any]) -> tuple[Any, ...]:
    item = frame["item"]
    return (frame["version"], item["type"], item["category"], item["title"], item["data"])


async def test_two_of_a_room_hear_each_other_once_live_and_by_resume(
    memory_bus: Bus, database: Database, pusher: Pusher
) -> None:
    await add_members(database, "ann", "bob")
    async with running_notifiers(memory_bus, database, count=2), joined(pusher, "ann") as ann:
        async with joined(pusher, "bob") as bob:
            await ann.send({"type": "publish", "topic": ROOM, "data": {"text": "hi"}, "ref": 1})
            heard = (await bob.until("notification"))[-1]
            await bob.send({"type": "publish", "topic": ROOM, "data": {"text": "ho"}, "ref": 2})
            assert (await bob.until("ok"))[-1] == {"type": "ok", "ref": 2}
        await wait_for_rows(database, "SELECT 1 FROM notifications", 4)
        async with joined(pusher, "bob", since=0) as bob:
            again = [said(one) for one in bob.past[1:-1]]
    first = (1, "topic.published", ROOM, "ann", {"text": "hi"})
    assert said(heard) == first
    assert again == [first, (2, "topic.published", ROOM, "bob", {"text": "ho"})]
    sources = await rows(database, "SELECT source FROM events ORDER BY id")
    assert [row["source"] for row in sources] == ["subscriber:ann", "subscriber:bob"]


async def test_a_frame_sent_again_with_its_id_counts_once(
    memory_bus: Bus, database: Database, pusher: Pusher
) -> None:
    await add_members(database, "ann", "bob")
    frame: Frame = {"type": "publish", "topic": ROOM, "data": 1, "id": "mine-1"}
    async with running_notifiers(memory_bus, database):
        for sender in ("ann", "ann", "bob"):
            async with joined(pusher, sender) as client:
                await client.send(frame)
                await client.until("ok")
        await wait_for_rows(database, "SELECT 1 FROM notifications", 4)
    keys = await rows(database, "SELECT source, event_id FROM event_keys ORDER BY source")
    assert keys == [
        {"source": "subscriber:ann", "event_id": "mine-1"},
        {"source": "subscriber:bob", "event_id": "mine-1"},
    ]


async def test_what_travels_is_the_tokens_and_the_data_as_given(
    memory_bus: Bus, pusher: Pusher
) -> None:
    data = {"n": 1.50, "deep": [[None, "\u00e9\U0001f600"]], "b": False}
    async with joined(pusher, "ann", tenant="acme") as ann:
        await ann.send({"type": "publish", "topic": ROOM, "data": data})
        assert await ann.next() == {"type": "ok", "ref": None}
    (entry,) = await queued(memory_bus)
    event = entry["event"]
    assert (entry["tenant"], entry["source"], entry["id"]) == (
        "acme",
        "subscriber:ann",
        event["id"],
    )
    assert {key: value for key, value in event.items() if key != "id"} == {
        "type": "topic.published",
        "source": "subscriber:ann",
        "to": f"topic:{ROOM}",
        "category": ROOM,
        "content": {"title": "ann"},
        "channels": ["inbox"],
        "lane": "normal",
        "data": data,
    }


@pytest.mark.parametrize("topic", ["room:43", "room:4", "room:42x", "other"])
async def test_a_topic_that_the_token_does_not_name_is_refused_and_the_session_goes_on(
    memory_bus: MemoryBus, pusher: Pusher, topic: str
) -> None:
    async with joined(pusher, "ann") as ann:
        await ann.send({"type": "publish", "topic": topic, "data": {}, "ref": "mine"})
        assert await ann.next() == NOT_ALLOWED | {"ref": "mine"}
        await ann.send({"type": "publish", "topic": ROOM, "data": "the only one"})
        await ann.until("ok")
    assert [one["event"]["data"] for one in await queued(memory_bus)] == ["the only one"]


async def test_without_the_claim_nothing_may_be_published(pusher: Pusher) -> None:
    async with pusher.feed("ann") as ann:
        await ann.send({"type": "publish", "topic": ROOM, "data": {}})
        assert (await ann.until("error"))[-1] == NOT_ALLOWED
        await ann.send({"type": "ping"})
        assert await ann.next() == {"type": "pong"}


async def test_a_newer_token_says_anew_where_one_may_publish(pusher: Pusher) -> None:
    frame: Frame = {"type": "publish", "topic": ROOM, "data": {}}
    async with joined(pusher, "ann", topics=()) as ann:
        await ann.send({"type": "auth", "token": token("ann", publish=[ROOM])})
        await ann.send(frame)
        await ann.until("ok")
        await ann.send({"type": "auth", "token": token("ann")})
        await ann.send(frame)
        assert await ann.next() == NOT_ALLOWED


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": "\0"},
        {"data": {"a\0": 1}},
        {"data": "x" * 70_000},
        {"data": 10**400},
        {"id": ""},
        {"id": "x" * 257},
        {"id": "a\0b"},
        {"topic": "a/b"},
        {"topic": ""},
    ],
)
async def test_what_cannot_be_an_event_is_refused_and_the_session_goes_on(
    memory_bus: Bus, database: Database, wrong: dict[str, Any]
) -> None:
    async with (
        running_pusher(memory_bus, database, max_frame_bytes=200_000) as pusher,
        joined(pusher, "ann") as ann,
    ):
        frame: Frame = {"type": "publish", "topic": ROOM, "data": {}, "ref": 1}
        await ann.send(frame | wrong)
        error = await ann.next()
        assert (error["type"], error["code"], error["ref"]) == ("error", "invalid", 1)
        await ann.send({"type": "ping"})
        assert await ann.next() == {"type": "pong"}


async def test_fields_of_tomorrow_make_no_other_event(memory_bus: Bus, pusher: Pusher) -> None:
    strange = {"title": "forged", "source": "shop", "to": "user:bob", "tenant": "other"}
    frame: Frame = {"type": "publish", "topic": ROOM, "data": {}, "id": "one"}
    async with joined(pusher, "ann") as ann:
        for sent in (frame, frame | strange):
            await ann.send(sent)
            await ann.until("ok")
    once, again = await queued(memory_bus)
    varies = ("accepted_at", "traceparent")
    plain, odd = ({k: v for k, v in one.items() if k not in varies} for one in (once, again))
    assert odd == plain


@pytest.mark.parametrize("data", ["[" * 40 + "]" * 40, '"\\ud800"', '{"a":tru}', '"\\x"', "NaN"])
async def test_data_that_is_no_json_or_too_deep_is_refused(pusher: Pusher, data: str) -> None:
    async with joined(pusher, "ann") as ann:
        await ann.connection.send(f'{{"type":"publish","topic":"{ROOM}","data":{data}}}')
        error = await ann.next()
    assert (error["type"], error["code"] in ("invalid", "malformed")) == ("error", True)


async def test_a_broker_that_is_away_is_said_and_the_session_goes_on(database: Database) -> None:
    bus = Doubtful()
    await bus.start()
    frame: Frame = {"type": "publish", "topic": ROOM, "data": {}, "id": "one", "ref": 1}
    async with running_pusher(bus, database) as pusher, joined(pusher, "ann") as ann:
        for bus.away, bus.silent in ((True, False), (False, True)):
            await ann.send(frame)
            error = await ann.next()
            assert (error["type"], error["code"], error["ref"]) == ("error", "unavailable", 1)
        bus.away = bus.silent = False
        await ann.send(frame)
        assert await ann.next() == {"type": "ok", "ref": 1}
    assert [one["id"] for one in await queued(bus)] == ["one", "one"]
    await bus.close()


async def test_more_than_a_subscriber_may_publish_is_refused_over_all_its_sessions(
    memory_bus: Bus, database: Database
) -> None:
    frame: Frame = {"type": "publish", "topic": ROOM, "data": {}}
    async with running_pusher(memory_bus, database, max_publishes_per_minute=2) as pusher:
        for expected in ("ok", "ok", "error", "error"):
            async with joined(pusher, "ann") as ann:
                await ann.send(frame)
                answer = await ann.next()
            assert (answer["type"], answer.get("code", "too_many_publishes")) == (
                expected,
                "too_many_publishes",
            )
        async with joined(pusher, "bob") as bob:
            await bob.send(frame)
            assert (await bob.next())["type"] == "ok"
