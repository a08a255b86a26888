"""The replay: missed items and commands from the store, up to where live frames take over.

The session joins the hub, and its shard is bound, before its history is read, so that no frame is
lost in between: live frames are buffered meanwhile, and those that the replay covers are dropped.
Pages are read up to a short one, whose `head`, of the same snapshot, ends the replay. An item that
changes between two pages moves to the end of the feed and is read there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from clarion.contracts.frames import (
    CaughtUp,
    ChangedFrame,
    FeedCommand,
    NotificationFrame,
    Ref,
    Welcome,
)
from services.pusher.feed.epochs import Epochs
from services.pusher.feed.feed import Feed
from services.pusher.feed.gaps import GapFiller
from services.pusher.feed.live_frames import command_frame
from services.pusher.feed.shards import Shards
from services.pusher.feed.states import Stage
from services.pusher.inbox.history import FeedEntry, FeedPage, FeedPosition, History
from services.pusher.session.session import Session
from services.pusher.wire import frames
from services.pusher.wire.write_buffer import HIGH_WATER_BYTES

MAX_STALL_S = 1.0
"""How long the rest of a page is kept for a peer that does not read."""


class Replayer:
    """Replays for every session of a process."""

    def __init__(
        self,
        history: History,
        epochs: Epochs,
        shards: Shards,
        gaps: GapFiller,
        *,
        heartbeat_s: int,
    ) -> None:
        self._history = history
        self._epochs = epochs
        self._shards = shards
        self._gaps = gaps
        self._heartbeat_s = heartbeat_s

    async def replay(
        self,
        session: Session,
        since: int | None,
        ref: Ref = None,
        epoch: str | None = None,
    ) -> None:
        """Send `welcome`, the items and `caught_up`; then the session is live, unless it closed.

        A snapshot without `since`, or with one of another epoch, beyond the inbox's version, or
        below the commands that the store still has.
        Raises `StoreUnavailable`, and `BusUnavailable` where the feed's shard cannot be bound.
        """
        feed = session.feed
        if feed is None or not session.is_open:
            return
        if session.stage is not Stage.REPLAYING:
            session.begin_replay()
        await self._shards.ensure_bound(feed)
        bus_epoch = self._shards.epoch()
        page, reset = await self._first(feed, since, epoch)
        session.follow_epoch(page.epoch)
        session.send(
            Welcome(
                version=page.head,
                unread=page.unread,
                epoch=page.epoch,
                time=datetime.now(UTC),
                session=session.id,
                heartbeat_s=self._heartbeat_s,
                ref=ref,
                reset=reset,
            )
        )
        place = FeedPosition(feed.tenant, feed.subscriber, since or 0)
        # A snapshot is always written whole
        max_stall_s = None if reset or since is None else MAX_STALL_S
        while session.is_open:
            written = await write_page(session, page, max_stall_s)
            head, is_last = page.head, not page.more and written == len(page.entries)
            place = position_after(place, page, written)
            del page  # a page of a stalled peer must not take memory
            await session.write_buffer.drained()
            if is_last and self._is_current_epoch(session) and self._take_over(session, feed, head):
                break
            bus_epoch = self._shards.epoch()
            page = await self._read(feed, partial(self._history.after, place))
            max_stall_s = MAX_STALL_S
            if page.epoch != session.epoch or place.version < page.floor:
                await self.replay(session, 0, epoch=session.epoch)
                return

        # Announcements after the last page may have been missed
        if bus_epoch != self._shards.epoch():
            await self._gaps.fill(feed)

    async def _first(
        self, feed: Feed, since: int | None, epoch: str | None
    ) -> tuple[FeedPage, bool]:
        """The first page of a replay, and whether it replaces everything sent before."""
        tenant, subscriber, history = feed.tenant, feed.subscriber, self._history
        if since is not None:
            place = FeedPosition(tenant, subscriber, since)
            page = await self._read(feed, partial(history.after, place))
            if page.floor <= since <= page.head and epoch in (None, page.epoch):
                return page, False
        page = await self._read(feed, partial(history.newest, tenant, subscriber))
        return page, since is not None or epoch not in (None, page.epoch)

    async def _read(self, feed: Feed, read: Callable[[], Awaitable[FeedPage]]) -> FeedPage:
        """A page of the current epoch."""
        while True:
            before = self._epochs.last_delivered(feed)
            page = await read()
            if await self._epochs.validate(before, page.epoch, page.head):
                return page

    def _is_current_epoch(self, session: Session) -> bool:
        return session.epoch == self._epochs.current

    def _take_over(self, session: Session, feed: Feed, head: int) -> bool:
        """Go live at `head`; `False` where the feed is beyond it and the frames in between are not
        buffered: more pages are needed."""
        buffered = session.replay_buffer
        if buffered is None:
            return True
        passed = feed.version if feed.version is not None else head
        if buffered.overflowed or not buffered.reaches(head, passed):
            buffered.clear()
            return False
        session.send(CaughtUp(version=head))
        ahead = session.go_live(head)
        feed.start(session.version)
        for version, frame in ahead:
            feed.hold(version, frame)
        return True


async def write_page(session: Session, page: FeedPage, max_stall_s: float | None) -> int:
    """Write the entries as frames, no faster than the peer reads them. Returns the
    number written: not all where the peer stalls, because a large page must not wait in memory."""
    written = 0
    for count, data in join_frames(entry_frames(page)):
        if not await wait_for_reader(session, max_stall_s):
            break
        session.write_buffer.push(data)
        written = count
    return written


async def wait_for_reader(session: Session, max_stall_s: float | None) -> bool:
    """Whether the session is open and its peer reads, waiting for it up to so long."""
    session.write_buffer.flush()
    if session.write_buffer.paused_at is not None:
        try:
            async with asyncio.timeout(max_stall_s):
                await session.write_buffer.drained()
        except TimeoutError:
            return False
    return session.is_open


def entry_frames(page: FeedPage) -> Iterator[bytes]:
    """A frame per entry; its version is the one to resume from after it."""
    for entry, cursor in zip(page.entries, page.cursors(), strict=True):
        yield frames.encode(_entry_frame(page, entry, cursor))


def _entry_frame(page: FeedPage, entry: FeedEntry, cursor: int) -> NotificationFrame | ChangedFrame:
    if isinstance(entry, FeedCommand):
        return command_frame(entry, page.unread)
    trace_id = page.traces.get(entry.id)
    return NotificationFrame(version=cursor, unread=page.unread, item=entry, trace_id=trace_id)


def join_frames(encoded: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Frames joined to writes of about `HIGH_WATER_BYTES`, each with the count so far."""
    parts: list[bytes] = []
    count = size = 0
    for count, frame in enumerate(encoded, 1):
        parts.append(frame)
        size += len(frame)
        if size >= HIGH_WATER_BYTES:
            yield count, b"".join(parts)
            parts, size = [], 0
    if parts:
        yield count, b"".join(parts)


def position_after(start: FeedPosition, page: FeedPage, written: int) -> FeedPosition:
    """The position after the first `written` entries of the page at `start`."""
    if written == len(page.entries) and not page.more:
        return FeedPosition(start.tenant, start.subscriber, page.head)
    if not written:
        return start
    return FeedPosition(start.tenant, start.subscriber, *page.place_of(written - 1))
