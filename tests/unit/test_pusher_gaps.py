"""A gap is a subscriber's: it is filled though the page that found it has left and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from clarion.contracts.item import Item
from clarion.records.epoch import Epoch
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.gaps import GapFiller
from services.pusher.feed.hub import Hub
from services.pusher.feed.tasks import Tasks
from services.pusher.inbox.history import FeedPage, FeedPosition
from testbed.processes import wait_until
from tests.support.line import Line

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class Store:
    """One feed, whose head is 7 and every version an item; a read ends when it may."""

    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    reads: list[int] = field(default_factory=list[int])

    async def after(self, position: FeedPosition) -> FeedPage:
        self.reads.append(position.version)
        await self.may_end.wait()
        items = [_item(version) for version in range(position.version + 1, 8)]
        return FeedPage(7, 7, items, False, None, {}, frozenset(one.id for one in items))


class OneHistory(Epochs):
    """The only one that there is."""

    async def read(self) -> Epoch:
        return Epoch("", NOW, "")


class Ground:
    """A hub with gaps, and timers that run when they are told to."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], None]] = []
        self.store = Store()
        self.tasks = Tasks()
        self.hub = Hub(lambda feed: self.gaps.detect(feed))
        epochs: Any = OneHistory(cast("Any", None), self.hub)
        self.gaps = GapFiller(self.hub, cast("Any", self.store), epochs, self.tasks, self._later)

    def join(self, version: int) -> Line:
        """A page that has all up to `version`."""
        line = Line(version)
        self.hub.join("t", "s", line).start(version)
        return line

    def leave(self, line: Line) -> None:
        self.hub.leave(self.hub.feeds["t/s"], line)

    def hear(self, version: int) -> None:
        """A frame of this version comes."""
        self.hub.offer(self.hub.feeds["t/s"], version, b"{}")

    def fire(self) -> None:
        """All timers are due."""
        timers, self.timers = self.timers, []
        for one in timers:
            one()

    def _later(self, _: float, call: Callable[[], None]) -> None:
        self.timers.append(call)


async def test_a_gap_found_after_a_reload_is_filled_by_the_timer_set_before_it() -> None:
    ground = Ground()
    ground.store.may_end.set()
    with ground.join(3) as before:
        ground.hear(5)
        ground.leave(before)
    with ground.join(4) as after:
        ground.hear(7)
        ground.fire()
        await wait_until(lambda: after.version == 7, 5, "the newest version")
    assert ground.store.reads == [4]


async def test_a_gap_found_while_the_feed_before_the_reload_is_read_is_filled_too() -> None:
    ground = Ground()
    with ground.join(3) as before:
        ground.hear(5)
        ground.fire()
        await wait_until(lambda: bool(ground.store.reads), 5, "a read")
        ground.leave(before)
    with ground.join(4) as after:
        ground.hear(7)
        ground.fire()
        ground.store.may_end.set()
        await wait_until(lambda: after.version == 7, 5, "the newest version")


def _item(version: int) -> Item:
    return Item(
        id=UUID(int=version),
        event_id=str(version),
        type="test.happened",
        category=None,
        title=str(version),
        body=None,
        url=None,
        data=None,
        lane="normal",
        version=version,
        entered=version,
        created_at=NOW,
    )
