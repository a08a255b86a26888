"""The feeds of a process, their listeners and the order of their frames.

A feed delivers frames in order of version, each once. A frame that is ahead is held and reported
as a gap, which `gaps` fills. A feed exists while it has sessions, so a frame for an absent
subscriber costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.contracts.revocation import Revocation
from services.pusher.feed.fanout import FanOut
from services.pusher.feed.feed import Feed
from services.pusher.feed.listener import Listener
from services.pusher.wire import frames

MAX_HELD = 256
"""Frames held for one feed; others are read from the store when the gap is filled."""


class Hub:
    """`on_gap` is called each time a feed has a gap."""

    def __init__(self, on_gap: Callable[[Feed], None]) -> None:
        self.feeds: dict[str, Feed] = {}
        self.outdated: set[Feed] = set()
        """Feeds that received a version older than the delivered one: usually a duplicate."""
        self._on_gap = on_gap

    def join(self, tenant: str, subscriber: str, session: Listener) -> Feed:
        """Add a listener to a feed."""
        key = feed_key(tenant, subscriber)
        feed = self.feeds.get(key)
        if feed is None:
            feed = self.feeds[key] = Feed(tenant, subscriber)
        feed.listeners.append(session)
        return feed

    def count(self, tenant: str, subscriber: str) -> int:
        """The sessions of this subscriber here."""
        feed = self.feeds.get(feed_key(tenant, subscriber))
        return len(feed.listeners) if feed is not None else 0

    def leave(self, feed: Feed, session: Listener) -> None:
        """Remove a listener, and with the last one the feed."""
        if session in feed.listeners:
            feed.listeners.remove(session)
        if not feed.listeners and self.feeds.get(feed.key) is feed:
            del self.feeds[feed.key]
            self.outdated.discard(feed)

    def revoke(self, revocation: Revocation) -> None:
        """Pass a revocation to the sessions of its subscriber."""
        feed = self.feeds.get(feed_key(revocation.tenant, revocation.subscriber))
        for session in tuple(feed.listeners) if feed is not None else ():
            session.on_revoked(revocation)

    def announce(self, announced: Sequence[FeedFrame]) -> None:
        """Frames from the bus or a local command, in any order, possibly repeated. Several of one
        feed are delivered as one run."""
        feeds, fan_out = self.feeds, FanOut()
        if _are_feeds_distinct(announced):
            for frame in fan_out.add_each(feeds, announced):
                self.offer(feeds[frame.feed], frame.version, frame.body)
        else:
            for key, run in self._runs(announced).items():
                self._announce_run(feeds[key], run, fan_out)
        fan_out.write()

    def _runs(self, announced: Sequence[FeedFrame]) -> dict[str, list[FeedFrame]]:
        runs: dict[str, list[FeedFrame]] = {}
        for frame in announced:
            key = frame.feed
            run = runs.get(key)
            if run is not None:
                run.append(frame)
            elif key in self.feeds:
                runs[key] = [frame]
        return runs

    def _announce_run(self, feed: Feed, run: Sequence[FeedFrame], fan_out: FanOut) -> None:
        """As one write where the versions are contiguous, else one by one."""
        first = run[0].version
        bodies = [
            frame.body for version, frame in enumerate(run, first) if frame.version == version
        ]
        if feed.version != first - 1 or len(bodies) < len(run):
            for frame in run:
                self.offer(feed, frame.version, frame.body)
            return
        feed.version = first + len(run) - 1
        joined = frames.texts(frame.body for frame in run)
        for session in fan_out.add_run(feed.listeners, first, joined, len(run)):
            if not session.offer_run(first, joined, len(run)):
                for frame in run:
                    session.offer(frame.version, frames.text(frame.body))
        if feed.held:
            self._release(feed)

    def offer(self, feed: Feed, version: int, body: bytes) -> None:
        """Deliver a frame if it is next, hold it if it is ahead, else drop it."""
        current = feed.version
        if current is None or version == current + 1:
            if current is not None:
                feed.version = version
            feed.deliver(version, frames.text(body))
            if feed.held:
                self._release(feed)
        elif version > current:
            self.hold(feed, version, frames.text(body))
        elif version < current:
            self.outdated.add(feed)

    def hold(self, feed: Feed, version: int, frame: bytes) -> None:
        """Keep an encoded frame that is ahead until the missing ones arrive."""
        if feed.held is None:
            feed.held = {}
        if len(feed.held) < MAX_HELD:
            feed.held[version] = frame
        self.expect(feed, version)

    def expect(self, feed: Feed, version: int) -> None:
        """This version exists: the feed has a gap until it is delivered."""
        feed.expected = max(feed.expected, version)
        if feed.has_gap:
            self._on_gap(feed)

    def start(self, feed: Feed, version: int) -> None:
        """A session has caught up to `version`, where a feed without a version starts."""
        if feed.version is None:
            feed.version = version
            self._release(feed)

    def skip_to(self, feed: Feed, version: int) -> None:
        """Continue at `version`; sessions that are behind replay by themselves."""
        feed.version = version
        for session in tuple(feed.listeners):
            session.on_overtaken(version)
        self._release(feed)

    def abandon_gap(self, feed: Feed, version: int) -> None:
        """The store has nothing undelivered up to `version`."""
        if feed.version is not None and feed.version < version:
            held = {ahead: frame for ahead, frame in (feed.held or {}).items() if ahead > version}
            feed.held = held or None
            feed.expected = max(held, default=feed.version)
        if feed.has_gap:
            self._on_gap(feed)

    def restart_all(self) -> None:
        """The delivered history is invalid: every session replays from the store."""
        self.outdated.clear()
        for feed in tuple(self.feeds.values()):
            feed.version, feed.expected, feed.held = None, 0, None
            for session in tuple(feed.listeners):
                session.on_history_changed()

    def _release(self, feed: Feed) -> None:
        held, version = feed.held, feed.version
        if held is None or version is None:
            return
        while (frame := held.pop(version + 1, None)) is not None:
            version += 1
            feed.version = version
            feed.deliver(version, frame)
        ahead = {later: frame for later, frame in held.items() if later > version}
        feed.held = ahead or None
        if feed.has_gap:
            self._on_gap(feed)


def _are_feeds_distinct(announced: Sequence[FeedFrame]) -> bool:
    """Whether every frame is of another feed."""
    # Frames of one feed mostly arrive together, so the first two usually decide
    if len(announced) > 1 and announced[0].feed == announced[1].feed:
        return False
    return len({frame.feed for frame in announced}) == len(announced)
