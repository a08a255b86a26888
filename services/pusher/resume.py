"""The replay: what a session missed, from the store, up to where live frames take over.

The session is in the hub before its history is read, so that nothing falls between the two: live
frames are kept meanwhile, and those that the replay covers are dropped. Pages are read until one
is short; its `head`, of the same snapshot, is where the replay ends. An item that changes between
two pages moves to the end of the feed and is read there.
"""

from __future__ import annotations

from collections.abc import Iterator

from clarion.contracts.frames import CaughtUp, NotificationFrame, Ref, Welcome
from services.pusher import frames
from services.pusher.backlog import HIGH_WATER_BYTES
from services.pusher.history import History, Page, Position
from services.pusher.hub import Feed, Hub
from services.pusher.session import Session
from services.pusher.states import Stage


class Resume:
    """Replays for every session of a process."""

    def __init__(self, history: History, hub: Hub, *, heartbeat_s: int) -> None:
        self._history = history
        self._hub = hub
        self._heartbeat_s = heartbeat_s

    async def replay(self, session: Session, since: int | None, ref: Ref = None) -> None:
        """`welcome`, the items, `caught_up`; then the session is live, unless it closed meanwhile.

        Without `since`, or with one that the inbox has not reached, a snapshot. Raises
        `StoreUnavailable`.
        """
        feed = session.feed
        if feed is None or not session.is_open:
            return
        if session.stage is not Stage.REPLAYING:
            session.begin_replay()
        page, reset = await self._first(feed, since)
        session.send(
            Welcome(
                version=page.head,
                unread=page.unread,
                session=session.id,
                heartbeat_s=self._heartbeat_s,
                ref=ref,
                reset=reset,
            )
        )
        while session.is_open:
            await write_page(session, page)
            place = end_of(feed, page)
            if not page.more and self._take_over(session, feed, page.head):
                return
            page = await self._history.after(place)

    async def _first(self, feed: Feed, since: int | None) -> tuple[Page, bool]:
        if since is not None:
            page = await self._history.after(Position(feed.tenant, feed.subscriber, since))
            if since <= page.head:
                return page, False
        return await self._history.newest(feed.tenant, feed.subscriber), since is not None

    def _take_over(self, session: Session, feed: Feed, head: int) -> bool:
        """Go live at `head`; `False` where the feed is past it and the frames between are not
        kept: the history has to tell more."""
        kept = session.kept
        if kept is None:
            return True
        passed = feed.version if feed.version is not None else head
        if kept.overflowed or not kept.reaches(head, passed):
            kept.clear()
            return False
        session.send(CaughtUp(version=head))
        ahead = session.go_live(head)
        self._hub.start(feed, session.version)
        for version, frame in ahead:
            self._hub.hold(feed, version, frame)
        return True


async def write_page(session: Session, page: Page) -> None:
    """Write the items as `notification` frames, no faster than the peer reads them."""
    for data in joined(notification_frames(page)):
        await session.backlog.drained()
        if not session.is_open:
            return
        session.backlog.push(data)
    await session.backlog.drained()


def notification_frames(page: Page) -> Iterator[bytes]:
    """Each item as it is now; the frame's version is where a client who has it may resume."""
    for item, cursor in zip(page.items, page.cursors(), strict=True):
        trace_id = page.traces.get(item.id)
        frame = NotificationFrame(version=cursor, unread=page.unread, item=item, trace_id=trace_id)
        yield frames.encode(frame)


def joined(encoded: Iterator[bytes]) -> Iterator[bytes]:
    """Frames joined to writes of about `HIGH_WATER_BYTES`."""
    parts: list[bytes] = []
    size = 0
    for frame in encoded:
        parts.append(frame)
        size += len(frame)
        if size >= HIGH_WATER_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def end_of(feed: Feed, page: Page) -> Position:
    """Where the next page begins."""
    if page.more:
        last = page.items[-1]
        return Position(feed.tenant, feed.subscriber, last.version, last.id)
    return Position(feed.tenant, feed.subscriber, page.head)
