"""Who listens to which feed, and the order of what they hear.

A feed passes frames on in order of version, each once. One that is ahead is held and reported as
a gap; whoever hears of it fills it (`gaps`). A feed exists while it has sessions, so a frame for
nobody costs one look-up.
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
"""Frames held for one feed; what does not fit is read from the store with the gap."""


class Hub:
    """All feeds of this process; `on_gap` is told of a feed each time it finds itself ahead."""

    def __init__(self, on_gap: Callable[[Feed], None]) -> None:
        self.feeds: dict[str, Feed] = {}
        self.outdated: set[Feed] = set()
        """Feeds that were offered less than they had passed on before: repeats, as a rule."""
        self._on_gap = on_gap

    def join(self, tenant: str, subscriber: str, session: Listener) -> Feed:
        """From now on the session is offered what the feed passes on."""
        key = feed_key(tenant, subscriber)
        feed = self.feeds.get(key)
        if feed is None:
            feed = self.feeds[key] = Feed(tenant, subscriber)
        feed.listeners.append(session)
        return feed

    def count(self, tenant: str, subscriber: str) -> int:
        """How many sessions this subscriber has here."""
        feed = self.feeds.get(feed_key(tenant, subscriber))
        return len(feed.listeners) if feed is not None else 0

    def leave(self, feed: Feed, session: Listener) -> None:
        """The session hears no more; the last one takes the feed with it."""
        if session in feed.listeners:
            feed.listeners.remove(session)
        if not feed.listeners and self.feeds.get(feed.key) is feed:
            del self.feeds[feed.key]
            self.outdated.discard(feed)

    def revoke(self, revocation: Revocation) -> None:
        """Tell those whom it may concern."""
        feed = self.feeds.get(feed_key(revocation.tenant, revocation.subscriber))
        for session in tuple(feed.listeners) if feed is not None else ():
            session.on_revoked(revocation)

    def announce(self, announced: Sequence[FeedFrame]) -> None:
        """Frames from the bus or from a command here, in any order, repeated or not. Several of
        one feed are passed on as a run, which costs a fraction each."""
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
        """At once where each follows the one before; else one by one."""
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
        """Pass a frame on, hold it, or drop what was passed on before."""
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
        """Keep an encoded frame that is ahead until those before it have come."""
        if feed.held is None:
            feed.held = {}
        if len(feed.held) < MAX_HELD:
            feed.held[version] = frame
        self.expect(feed, version)

    def expect(self, feed: Feed, version: int) -> None:
        """This version is known to exist: the feed has a gap until it gets there."""
        feed.expected = max(feed.expected, version)
        if feed.has_gap:
            self._on_gap(feed)

    def start(self, feed: Feed, version: int) -> None:
        """A session caught up to `version`: a feed that knew none goes on from there."""
        if feed.version is None:
            feed.version = version
            self._release(feed)

    def skip_to(self, feed: Feed, version: int) -> None:
        """Go on from `version`; sessions that are not there yet must read for themselves."""
        feed.version = version
        for session in tuple(feed.listeners):
            session.on_overtaken(version)
        self._release(feed)

    def abandon_gap(self, feed: Feed, version: int) -> None:
        """The store was read and knows nothing up to `version` that was not passed on."""
        if feed.version is not None and feed.version < version:
            held = {ahead: frame for ahead, frame in (feed.held or {}).items() if ahead > version}
            feed.held = held or None
            feed.expected = max(held, default=feed.version)
        if feed.has_gap:
            self._on_gap(feed)

    def restart_all(self) -> None:
        """What was passed on is true no longer: every session reads its feed from the store."""
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
    """Whether no feed has two of them. Where one has, its frames mostly stand together, so that
    the first two tell."""
    if len(announced) > 1 and announced[0].feed == announced[1].feed:
        return False
    return len({frame.feed for frame in announced}) == len(announced)
