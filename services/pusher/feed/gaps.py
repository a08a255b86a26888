"""Fills the gaps of feeds from PostgreSQL.

A frame that is ahead waits `HOLD_S` for the missing ones; then the feed is read, once for all its
sessions and in one query with other such feeds. A lost announcement may leave no frame ahead, so
heads are compared with the store after each reconnection to the broker and every `RECONCILE_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

import structlog

from clarion.contracts.frames import ChangedFrame, NotificationFrame
from clarion.contracts.item import Item
from clarion.errors import StoreUnavailable
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.feed import Feed
from services.pusher.feed.hub import Hub
from services.pusher.feed.live_frames import command_frame, live_frame
from services.pusher.feed.tasks import Tasks
from services.pusher.inbox.history import FeedPage, FeedPosition, History
from services.pusher.metrics import GAPS, MISSED_ANNOUNCEMENTS
from services.pusher.wire import frames

log = structlog.get_logger("clarion.pusher")

HOLD_S = 0.05
RETRY_S = 1.0
RECONCILE_S = 30.0
HEADS_PER_QUERY = 5_000

CallLater = Callable[[float, Callable[[], None]], object]


class GapFiller:
    """Fills the gaps of one hub."""

    def __init__(
        self, hub: Hub, history: History, epochs: Epochs, tasks: Tasks, call_later: CallLater
    ) -> None:
        self._hub = hub
        self._epochs = epochs
        self._history = history
        self._tasks = tasks
        self._call_later = call_later
        self._waiting: set[str] = set()
        self._filling: dict[Feed, asyncio.Future[None]] = {}

    def detect(self, feed: Feed, wait_s: float = HOLD_S) -> None:
        """Schedule a fill of a feed with a gap, unless it closes by itself within `wait_s`."""
        if feed.key in self._waiting:
            return
        self._waiting.add(feed.key)
        self._call_later(wait_s, lambda: self._is_due(feed.key))

    async def fill(self, feed: Feed) -> None:
        """Read the feed up to its head now; concurrent callers share one read."""
        running = self._filling.get(feed)
        if running is None:
            running = self._filling[feed] = self._tasks.start(self._fill(feed))
            running.add_done_callback(lambda _: self._filling.pop(feed, None))
        await asyncio.shield(running)

    async def reconcile(self, feeds: Iterable[Feed] | None = None) -> None:
        """Compare these feeds, or all, with their heads in the store and fill those behind.
        Raises `StoreUnavailable`."""
        feeds = tuple(self._hub.feeds.values() if feeds is None else feeds)
        known = [feed for feed in feeds if feed.version is not None]
        for start in range(0, len(known), HEADS_PER_QUERY):
            await self._reconcile(known[start : start + HEADS_PER_QUERY])

    async def _reconcile(self, feeds: Sequence[Feed]) -> None:
        before = [self._epochs.last_delivered(feed) for feed in feeds]
        names = [(feed.tenant, feed.subscriber) for feed in feeds]
        epoch, heads = await self._history.heads(names)
        lowest = min(zip(before, heads, strict=True), key=lambda pair: pair[1] - pair[0].version)
        if not await self._epochs.validate(lowest[0], epoch, lowest[1]):
            return  # the epoch changed: every session replays
        for feed, (_, version), head in zip(feeds, before, heads, strict=True):
            MISSED_ANNOUNCEMENTS.inc(head > max(version, feed.expected) and feed.version == version)
            feed.expect(head)

    def _is_due(self, key: str) -> None:
        self._waiting.discard(key)
        # Looked up again: a page that reloaded has closed the old feed and opened a new one
        feed = self._hub.feeds.get(key)
        if feed is not None and feed.has_gap and feed not in self._filling:
            self._tasks.start(self.fill(feed))

    async def _fill(self, feed: Feed) -> None:
        version, goal = feed.version, feed.expected
        if version is None:
            return
        GAPS.inc()
        try:
            before = self._epochs.last_delivered(feed)
            page = await self._history.after(FeedPosition(feed.tenant, feed.subscriber, version))
            may_be_used = await self._epochs.validate(before, page.epoch, page.head)
        except StoreUnavailable:
            log.warning("gap_waits_for_database")
            self.detect(feed, RETRY_S)
            return
        if not may_be_used:
            return  # the epoch changed: every session replays
        self._apply(feed, page)
        feed.abandon_gap(goal)

    def _apply(self, feed: Feed, page: FeedPage) -> None:
        version = feed.version
        if version is None or page.head <= version:
            return
        missing = dict(live_bodies(page, version))
        wanted = range(version + 1, page.head + 1)
        if page.more or len(missing) < len(wanted):
            feed.skip_to(page.head)
            return
        for missed in wanted:
            self._hub.offer(feed, missed, missing[missed])


def live_bodies(page: FeedPage, after: int) -> Iterator[tuple[int, bytes]]:
    """The announcement of each version of the page after `after`, as far as the store still has
    it: commands, whole items that entered the view, the state of others."""
    for command in page.commands:
        yield command.version, frames.body_of(command_frame(command, page.unread))
    by_version: dict[int, list[Item]] = {}
    for item in page.items:
        if item.version > after:
            by_version.setdefault(item.version, []).append(item)
    for version, items in by_version.items():
        yield version, frames.body_of(_live_frame(version, page, items))


def _live_frame(
    version: int, page: FeedPage, items: list[Item]
) -> NotificationFrame | ChangedFrame:
    entered = items if all(item.id in page.whole for item in items) else []
    states = [item.state for item in items]
    return live_frame(version, page.unread, states, entered, page.traces.get(items[0].id))
