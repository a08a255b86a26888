"""One subscriber's feed in this process."""

from __future__ import annotations

from clarion.contracts.announcement import feed_key
from services.pusher.feed.listener import Listener


class Feed:
    """`version` is the last delivered one, `None` until a session has caught up."""

    __slots__ = ("expected", "held", "key", "listeners", "subscriber", "tenant", "version")

    def __init__(self, tenant: str, subscriber: str) -> None:
        self.tenant = tenant
        self.subscriber = subscriber
        self.key = feed_key(tenant, subscriber)
        self.version: int | None = None
        self.expected = 0
        self.listeners: list[Listener] = []
        self.held: dict[int, bytes] | None = None

    @property
    def has_gap(self) -> bool:
        """Whether a version beyond `version` is known to exist."""
        return self.version is not None and self.expected > self.version

    def deliver(self, version: int, frame: bytes) -> None:
        """Offer an encoded frame to every listener."""
        for session in self.listeners:
            session.offer(version, frame)
