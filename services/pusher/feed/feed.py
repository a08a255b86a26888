"""One subscriber's feed in this process: the owner of which frame is the next.

Frames are delivered in order of version, each once. A frame that is ahead is held, and reported as
a gap, until the missing ones arrive.
"""

from __future__ import annotations

from collections.abc import Callable

from clarion.contracts.announcement import feed_key
from services.pusher.feed.listener import Listener
from services.pusher.wire import frames

MAX_HELD = 256
"""Frames held for one feed; others are read from the store when the gap is filled."""


class Feed:
    """`on_gap` is called each time it has a gap."""

    __slots__ = (
        "_expected",
        "_held",
        "_on_gap",
        "_version",
        "key",
        "listeners",
        "subscriber",
        "tenant",
    )

    def __init__(self, tenant: str, subscriber: str, on_gap: Callable[[Feed], None]) -> None:
        self.tenant = tenant
        self.subscriber = subscriber
        self.key = feed_key(tenant, subscriber)
        self.listeners: list[Listener] = []
        self._on_gap = on_gap
        self._version: int | None = None
        self._expected = 0
        self._held: dict[int, bytes] | None = None

    @property
    def version(self) -> int | None:
        """The last delivered one; `None` until a session has caught up."""
        return self._version

    @property
    def expected(self) -> int:
        """The greatest version that is known to exist, as far as it may still be delivered."""
        return self._expected

    @property
    def has_gap(self) -> bool:
        """Whether a version beyond `version` is known to exist."""
        return self._version is not None and self._expected > self._version

    def advance(self, first: int, count: int = 1) -> bool:
        """Whether `count` frames with the versions from `first` on are the next, and no held ones
        may follow them. Then they count as delivered: the caller writes them to every listener."""
        if self._version != first - 1 or self._held:
            return False
        self._version = first - 1 + count
        return True

    def offer(self, version: int, body: bytes) -> bool:
        """Deliver a frame if it is next, hold it if it is ahead, else drop it. `False` where it is
        older than the last delivered one."""
        current = self._version
        if current is None or version == current + 1:
            if current is not None:
                self._version = version
            self._deliver(version, frames.text(body))
            if self._held:
                self._release()
        elif version > current:
            self.hold(version, frames.text(body))
        return current is None or version >= current

    def hold(self, version: int, frame: bytes) -> None:
        """Keep an encoded frame that is ahead until the missing ones arrive."""
        if self._held is None:
            self._held = {}
        if len(self._held) < MAX_HELD:
            self._held[version] = frame
        self.expect(version)

    def expect(self, version: int) -> None:
        """This version exists: the feed has a gap until it is delivered."""
        self._expected = max(self._expected, version)
        self._report_gap()

    def start(self, version: int) -> None:
        """A session has caught up to `version`, where a feed without a version starts."""
        if self._version is None:
            self._version = version
            self._release()

    def skip_to(self, version: int) -> None:
        """Continue at `version`; sessions that are behind replay by themselves."""
        self._version = version
        for session in tuple(self.listeners):
            session.on_overtaken(version)
        self._release()

    def abandon_gap(self, version: int) -> None:
        """The store has nothing undelivered up to `version`."""
        if self._version is not None and self._version < version:
            held = {ahead: frame for ahead, frame in (self._held or {}).items() if ahead > version}
            self._held = held or None
            self._expected = max(held, default=self._version)
        self._report_gap()

    def restart(self) -> None:
        """The delivered history is invalid: every session replays from the store."""
        self._version, self._expected, self._held = None, 0, None
        for session in tuple(self.listeners):
            session.on_history_changed()

    def _deliver(self, version: int, frame: bytes) -> None:
        for session in self.listeners:
            session.offer(version, frame)

    def _release(self) -> None:
        held, version = self._held, self._version
        if held is None or version is None:
            return
        while (frame := held.pop(version + 1, None)) is not None:
            version += 1
            self._version = version
            self._deliver(version, frame)
        ahead = {later: frame for later, frame in held.items() if later > version}
        self._held = ahead or None
        self._report_gap()

    def _report_gap(self) -> None:
        if self.has_gap:
            self._on_gap(self)
