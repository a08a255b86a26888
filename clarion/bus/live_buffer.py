"""A bounded buffer of announcements that drops the oldest first."""

from __future__ import annotations

import asyncio
from collections import deque

from clarion.bus.metrics import LIVE_DROPPED
from clarion.bus.protocol import Received, SubscriptionClosed
from clarion.topology import LIVE_MAX_MESSAGES

MAX_BYTES = 64 * 1024**2
"""Past it the oldest are dropped, as past `LIVE_MAX_MESSAGES`."""


class LiveBuffer:
    """Announcements for one reader. `epoch` grows when the connection came back and when
    announcements were dropped: either way the reader has missed some."""

    def __init__(self) -> None:
        self.epoch = 0
        self._arrived: deque[Received] = deque()
        self._bytes = 0
        self._dropped = False
        self._closed = False
        self._wake = asyncio.Event()

    def begin_epoch(self) -> None:
        """The connection is there, or there again."""
        self.epoch += 1

    def put(self, message: Received) -> None:
        """Add the newest."""
        self._arrived.append(message)
        self._bytes += len(message.body)
        while len(self._arrived) > LIVE_MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._pop()
            self._dropped = True
            LIVE_DROPPED.inc()
        self._wake.set()

    async def take(self, limit: int) -> list[Received]:
        """See `clarion.bus.protocol.LiveSubscription.take`."""
        while not self._arrived:
            if self._closed:
                raise SubscriptionClosed
            self._wake.clear()
            await self._wake.wait()
        if self._dropped:
            self._dropped = False
            self.begin_epoch()
        return [self._pop() for _ in range(min(limit, len(self._arrived)))]

    def close(self) -> None:
        """Discard the rest; `take` raises from now on."""
        self._closed = True
        self._arrived.clear()
        self._bytes = 0
        self._wake.set()

    def _pop(self) -> Received:
        oldest = self._arrived.popleft()
        self._bytes -= len(oldest.body)
        return oldest
