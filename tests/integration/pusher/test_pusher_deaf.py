"""A pusher that did not hear everything finds what it missed, at once and for few queries."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from clarion.bus import Bus
from clarion.store.database import Database
from services.pusher.feed.announcement_subscriber import AnnouncementSubscriber
from services.pusher.feed.gaps import GapFiller
from services.pusher.inbox.history import FeedPage, History
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher


@pytest.fixture
def lose_link(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Once it is set the link has been lost and is back; nothing else brings a check."""
    monkeypatch.setattr("services.pusher.feed.announcement_subscriber.RECONCILE_S", 3600)
    lost = asyncio.Event()

    def epoch(_: AnnouncementSubscriber) -> tuple[int, int]:
        return 0, int(lost.is_set())

    monkeypatch.setattr(AnnouncementSubscriber, "epoch", epoch)
    return lost


async def test_what_is_lost_between_the_history_and_live_is_read(
    pusher: Pusher,
    writer: InboxWriter,
    lose_link: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = asyncio.Event()
    newest, check = History.newest, GapFiller.reconcile

    async def read_and_lose(history: History, tenant: str, subscriber: str) -> FeedPage:
        page = await newest(history, tenant, subscriber)
        await writer.store(subscriber, ["silent"])
        lose_link.set()
        await checked.wait()
        return page

    async def check_and_tell(gaps: GapFiller) -> None:
        await check(gaps)
        checked.set()

    monkeypatch.setattr(History, "newest", read_and_lose)
    monkeypatch.setattr(GapFiller, "reconcile", check_and_tell)
    async with pusher.feed("user-1") as client:
        frame = await client.next()
    assert (frame["version"], frame["item"]["title"]) == (1, "silent")


async def test_after_a_lost_link_many_feeds_cost_few_queries(
    pusher: Pusher, writer: InboxWriter, lose_link: asyncio.Event
) -> None:
    subscribers = [f"user-{number}" for number in range(400)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(pusher.feed(one)) for one in subscribers]
        for subscriber in subscribers[:350]:
            await writer.store(subscriber, ["one", "two"])
        before = {kind: reads(kind) for kind in ("heads", "after", "newest")}
        lose_link.set()
        for client in clients[:350]:
            got = [await client.next(), await client.next()]
            assert [(one["version"], one["item"]["title"]) for one in got] == [
                (1, "one"),
                (2, "two"),
            ]
        after = {kind: reads(kind) - before[kind] for kind in before}
    assert (after["heads"], after["newest"]) == (1, 0)
    assert after["after"] <= 5  # 160 feeds each, and what came late to its group


async def test_shards_that_differ_between_services_are_noticed(
    memory_bus: Bus, database: Database, writer: InboxWriter
) -> None:
    async with (
        running_pusher(memory_bus, database, live_shards=256) as pusher,
        pusher.feed("user-1") as client,
    ):
        await writer.write("user-1", "announced in the only shard")
        before = unheard()
        await pusher.engine.gap_filler.reconcile()
        assert (await client.next())["version"] == 1
        assert unheard() == before + 1
        await pusher.engine.gap_filler.reconcile()
        assert unheard() == before + 1


def unheard() -> float:
    return REGISTRY.get_sample_value("clarion_live_unheard_total") or 0.0


def reads(kind: str) -> float:
    return REGISTRY.get_sample_value("clarion_live_reads_total", {"kind": kind}) or 0.0
