"""Several pushers that each hear only the shards of their sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest

from clarion.bus import Bus, LiveSubscription
from clarion.bus.memory import MemoryBus
from clarion.contracts.announcement import feed_key
from clarion.errors import BusUnavailable
from clarion.store.database import Database
from clarion.topology import shard_of
from services.pusher.feed.announcement_subscriber import AnnouncementSubscriber
from testbed.processes import wait_until
from testbed.rabbitmq import BrokerNode
from tests.support.bus import opened, ready
from tests.support.inbox_writer import TENANT, InboxWriter
from tests.support.pusher import Client, Pusher, running_pusher, token

SHARDS = 2
SUBSCRIBERS = [f"user-{number}" for number in range(8)]


def place(subscriber: str) -> int:
    """The shard of a subscriber."""
    return shard_of(feed_key(TENANT, subscriber), SHARDS)


ZERO = next(one for one in SUBSCRIBERS if place(one) == 0)
ONE = next(one for one in SUBSCRIBERS if place(one) == 1)


@pytest.fixture
def writer(bus: Bus, database: Database) -> InboxWriter:
    return InboxWriter(database, bus, shards=SHARDS)


@pytest.fixture
async def pushers(bus: Bus, database: Database) -> AsyncIterator[list[Pusher]]:
    async with (
        running_pusher(bus, database, live_shards=SHARDS) as one,
        running_pusher(bus, database, live_shards=SHARDS) as two,
    ):
        yield [one, two]


def heard(pusher: Pusher, subscriber: str) -> bool:
    return pusher.engine.shards.is_bound(place(subscriber))


async def titles(client: Client, count: int) -> list[tuple[int, str]]:
    got = [await client.next() for _ in range(count)]
    return [(one["version"], one["item"]["title"]) for one in got]


async def test_sessions_placed_by_shard_get_every_item_once_and_each_pusher_hears_its_own(
    pushers: list[Pusher], writer: InboxWriter
) -> None:
    async with AsyncExitStack() as stack:
        clients = {
            one: await stack.enter_async_context(pushers[place(one)].feed(one))
            for one in SUBSCRIBERS
        }
        for subscriber in SUBSCRIBERS:
            assert heard(pushers[place(subscriber)], subscriber)
            assert not heard(pushers[1 - place(subscriber)], subscriber)
        for number in range(5):
            for subscriber in SUBSCRIBERS:
                await writer.write(subscriber, f"{subscriber} {number}")
        for subscriber, client in clients.items():
            assert await titles(client, 5) == [(n + 1, f"{subscriber} {n}") for n in range(5)]


async def test_a_session_of_another_shard_is_served_all_the_same(
    pushers: list[Pusher], writer: InboxWriter
) -> None:
    async with (
        pushers[0].feed(ZERO) as one,
        pushers[0].feed(ONE) as two,
        pushers[1].feed(ONE) as there,
    ):
        await writer.write(ZERO, "zero")
        await writer.write(ONE, "one")
        assert await titles(one, 1) == [(1, "zero")]
        assert await titles(two, 1) == await titles(there, 1) == [(1, "one")]
        await two.send({"type": "read", "up_to": 1})
        changed = (await two.until("ok"))[0]
        assert await there.next() == changed


async def test_the_history_is_read_after_the_shard_is_bound(
    pushers: list[Pusher], writer: InboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_bind = asyncio.Event(), asyncio.Event()
    bind = AnnouncementSubscriber.bind

    async def bind_late(live: AnnouncementSubscriber, key: str) -> None:
        asked.set()
        await may_bind.wait()
        await bind(live, key)

    monkeypatch.setattr(AnnouncementSubscriber, "bind", bind_late)
    async with pushers[0].connect("user-0") as client:
        await client.hello()
        await asyncio.wait_for(asked.wait(), 10)
        await writer.write("user-0", "nobody hears it")
        may_bind.set()
        past = await client.until("caught_up")
        await writer.write("user-0", "live")
        assert [one["version"] for one in past] == [1, 1, 1]
        assert await titles(client, 1) == [(2, "live")]


class DeafBus(MemoryBus):
    """Confirms no binding while it is `deaf`."""

    deaf = True

    def listen(self, keys: object) -> LiveSubscription:
        ear = super().listen(["all"])
        bind = ear.bind

        async def refuse(key: str) -> None:
            if self.deaf:
                raise BusUnavailable("The broker does not confirm.")
            await bind(key)

        ear.bind = refuse
        return ear


async def test_a_session_that_cannot_be_heard_of_is_told_to_come_back(database: Database) -> None:
    bus = DeafBus()
    await bus.start()
    async with running_pusher(bus, database, live_shards=SHARDS) as pusher:
        async with pusher.connect("user-0") as client:
            await client.hello(ref="h")
            error = await client.next()
            assert (error["type"], error["code"], error["ref"]) == ("error", "unavailable", "h")
            assert await client.closed() == (1013, "unavailable")
        async with httpx2.AsyncClient(base_url=pusher.http) as http:
            answer = await http.get(f"/v1/live/sse?token={token('user-0')}")
        last = json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))
        assert last == {"code": 1013, "reason": "unavailable", "come_back": True}
        bus.deaf = False
        async with pusher.feed("user-0") as client:
            await InboxWriter(database, bus, shards=SHARDS).write("user-0", "heard")
            assert await titles(client, 1) == [(1, "heard")]
    await bus.close()


async def test_after_an_outage_of_the_broker_all_shards_are_heard_again(
    private_rabbitmq: BrokerNode, database: Database
) -> None:
    async with opened(private_rabbitmq.url("/")) as bus:
        await ready(bus)
        writer = InboxWriter(database, bus, shards=SHARDS)
        async with (
            running_pusher(bus, database, live_shards=SHARDS) as pusher,
            pusher.feed(ZERO) as before,
        ):
            await private_rabbitmq.kill()
            await wait_until(lambda: not bus.status().can_consume, 10, "notices")
            await writer.store(ZERO, ["silent"])
            await writer.store(ONE, ["silent"])
            async with pusher.feed(ONE) as during:  # the store serves it all the same
                assert during.past[1]["item"]["title"] == "silent"
                await private_rabbitmq.start()
                await ready(bus)
                assert await titles(before, 1) == [(1, "silent")]
                for subscriber, client in ((ZERO, before), (ONE, during)):
                    await writer.write(subscriber, "live")
                    assert await titles(client, 1) == [(2, "live")]


async def test_a_shard_without_sessions_is_given_up(
    pushers: list[Pusher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.pusher.feed.shards.LINGER_S", 0.05)
    async with pushers[0].feed("user-0"):
        assert heard(pushers[0], "user-0")
    await wait_until(lambda: not heard(pushers[0], "user-0"), 10, "a shard given up")


@pytest.mark.parametrize("shard", ["0", "1", "", "999999", "-1", "%00", "x%0d%0ay", "a&shard=b"])
async def test_what_is_said_of_the_shard_changes_nothing(
    pushers: list[Pusher], writer: InboxWriter, shard: str
) -> None:
    await writer.write("user-0", "one")
    async with pushers[0].connect("user-0", query=f"?shard={shard}") as client:
        await client.hello()
        assert [one["version"] for one in await client.until("caught_up")] == [1, 1, 1]
    address = f"{pushers[0].http}/v1/live/sse?token={token('user-0')}&shard={shard}"
    async with httpx2.AsyncClient() as http, http.stream("GET", address) as answer:
        assert answer.status_code == 200
