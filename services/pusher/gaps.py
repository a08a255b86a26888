"""Fills what a feed did not hear from PostgreSQL.

A frame that is ahead may wait `HOLD_S` for those before it; then the feed is read, once for all
its sessions and together with other feeds that wait. Announcements may also be lost without a
frame that tells: heads are compared after the broker's link was lost, and every `CHECK_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import structlog

from clarion.contracts.frames import ChangedFrame, NotificationFrame
from clarion.contracts.item import Item, ItemState
from clarion.errors import StoreUnavailable
from services.pusher import frames
from services.pusher.feed import Feed
from services.pusher.history import History, Page, Position
from services.pusher.hub import Hub
from services.pusher.metrics import GAPS, UNHEARD
from services.pusher.tasks import Tasks

log = structlog.get_logger("clarion.pusher")

HOLD_S = 0.05
RETRY_S = 1.0
CHECK_S = 30.0
HEADS_A_QUERY = 5_000

CallLater = Callable[[float, Callable[[], None]], object]


class Gaps:
    """Keeps the feeds of one hub whole."""

    def __init__(self, hub: Hub, history: History, tasks: Tasks, call_later: CallLater) -> None:
        self._hub = hub
        self._history = history
        self._tasks = tasks
        self._call_later = call_later
        self._waiting: set[str] = set()
        self._filling: dict[str, asyncio.Future[None]] = {}

    def found(self, feed: Feed, wait_s: float = HOLD_S) -> None:
        """The feed is ahead of what it passed on: fill it unless that mends itself in time."""
        if feed.key in self._waiting:
            return
        self._waiting.add(feed.key)
        self._call_later(wait_s, lambda: self._is_due(feed))

    async def fill(self, feed: Feed) -> None:
        """Bring the feed to its head now; callers at the same time share one read."""
        running = self._filling.get(feed.key)
        if running is None:
            running = self._filling[feed.key] = self._tasks.start(self._fill(feed))
            running.add_done_callback(lambda _: self._filling.pop(feed.key, None))
        await asyncio.shield(running)

    async def check(self) -> None:
        """Compare every feed with its head in the store; those that are behind are filled.
        Raises `StoreUnavailable`."""
        known = [feed for feed in self._hub.feeds.values() if feed.version is not None]
        for start in range(0, len(known), HEADS_A_QUERY):
            await self._check(known[start : start + HEADS_A_QUERY])

    async def _check(self, feeds: Sequence[Feed]) -> None:
        before = [feed.version or 0 for feed in feeds]
        heads = await self._history.heads([(feed.tenant, feed.subscriber) for feed in feeds])
        for feed, version, head in zip(feeds, before, heads, strict=True):
            if head < version and feed.version == version:
                self._restart(feed, head)
            else:
                UNHEARD.inc(head > max(version, feed.expected) and feed.version == version)
                self._hub.expect(feed, head)

    def _restart(self, feed: Feed, head: int) -> None:
        """The store went back behind what was passed on: every session begins anew."""
        log.warning("inbox_went_back", feed_version=feed.version, head=head)
        feed.version, feed.expected, feed.held = head, head, None
        for session in tuple(feed.sessions):
            session.restart()

    def _is_due(self, feed: Feed) -> None:
        self._waiting.discard(feed.key)
        if feed.has_gap and self._hub.feeds.get(feed.key) is feed and feed.key not in self._filling:
            self._tasks.start(self.fill(feed))

    async def _fill(self, feed: Feed) -> None:
        version, goal = feed.version, feed.expected
        if version is None:
            return
        GAPS.inc()
        try:
            page = await self._history.after(Position(feed.tenant, feed.subscriber, version))
        except StoreUnavailable:
            log.warning("gap_waits_for_database")
            self.found(feed, RETRY_S)
            return
        self._apply(feed, page)
        self._hub.give_up(feed, goal)

    def _apply(self, feed: Feed, page: Page) -> None:
        version = feed.version
        if version is None or page.head <= version:
            return
        missing = dict(live_bodies(page, version))
        wanted = range(version + 1, page.head + 1)
        if page.more or len(missing) < len(wanted):
            self._hub.skip_to(feed, page.head)
            return
        for one in wanted:
            self._hub.offer(feed, one, missing[one])


def live_bodies(page: Page, after: int) -> Iterator[tuple[int, bytes]]:
    """For each version of the page past `after` the frame that its announcement bore, as far as
    the store still knows: an item that nobody touched is new, others were changed."""
    by_version: dict[int, list[Item]] = {}
    for item in page.items:
        if item.version > after:
            by_version.setdefault(item.version, []).append(item)
    for version, items in by_version.items():
        yield version, frames.body_of(_live_frame(version, page, items))


def _live_frame(version: int, page: Page, items: list[Item]) -> NotificationFrame | ChangedFrame:
    first = items[0]
    touched = first.seen_at or first.read_at or first.archived_at or first.snoozed_until
    if len(items) == 1 and not touched:
        trace_id = page.traces.get(first.id)
        return NotificationFrame(version=version, unread=page.unread, item=first, trace_id=trace_id)
    return ChangedFrame(version=version, unread=page.unread, items=[state_of(one) for one in items])


def state_of(item: Item) -> ItemState:
    """The part of an item that commands change."""
    return ItemState(
        id=item.id,
        version=item.version,
        seen_at=item.seen_at,
        read_at=item.read_at,
        archived_at=item.archived_at,
        snoozed_until=item.snoozed_until,
    )
