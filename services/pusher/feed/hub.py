"""The feeds of a process and their listeners.

Gaps that a feed reports are filled by `gaps`. A feed exists while it has sessions, so a frame for
an absent subscriber costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clarion.contracts.announcement import FeedFrame, feed_key
from clarion.contracts.revocation import Revocation
from services.pusher.feed.fanout import FanOut
from services.pusher.feed.feed import Feed
from services.pusher.feed.listener import Listener
from services.pusher.wire import frames


class Hub:
    """`on_gap` as `Feed`."""

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
            feed = self.feeds[key] = Feed(tenant, subscriber, self._on_gap)
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
        if len(bodies) < len(run) or not feed.advance(first, len(run)):
            for frame in run:
                self.offer(feed, frame.version, frame.body)
            return
        joined = frames.texts(frame.body for frame in run)
        for session in fan_out.add_run(feed.listeners, first, joined, len(run)):
            if not session.accept(first, joined, len(run)):
                for frame in run:
                    session.offer(frame.version, frames.text(frame.body))

    def take_outdated(self) -> set[Feed]:
        """The feeds that received an old version since this was called last."""
        outdated, self.outdated = self.outdated, set()
        return outdated

    def offer(self, feed: Feed, version: int, body: bytes) -> None:
        """As `Feed.offer`; a feed that received an old version is `outdated`."""
        if not feed.offer(version, body):
            self.outdated.add(feed)

    def restart_all(self) -> None:
        """As `Feed.restart`, for all."""
        self.outdated.clear()
        for feed in tuple(self.feeds.values()):
            feed.restart()


def _are_feeds_distinct(announced: Sequence[FeedFrame]) -> bool:
    """Whether every frame is of another feed."""
    # Frames of one feed mostly arrive together, so the first two usually decide
    if len(announced) > 1 and announced[0].feed == announced[1].feed:
        return False
    return len({frame.feed for frame in announced}) == len(announced)
