"""Announces changes made here to the other pushers.

Frames that arrive during a publish are batched into one message. Nothing waits for an unavailable
broker: the other pushers find the change by themselves (`GapFiller.reconcile`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import structlog

from clarion.bus import Bus, Message
from clarion.contracts.announcement import ANNOUNCEMENT_CONTENT_TYPE, FeedFrame, encode_announcement
from clarion.errors import BusUnavailable
from clarion.topology import LIVE, shard_key, shard_of
from services.pusher.metrics import LOST_ANNOUNCEMENTS

log = structlog.get_logger("clarion.pusher")

MAX_WAITING = 1_000


class Announcer:
    """Publishes frames to `clarion.live`, in order, while `run` runs."""

    def __init__(self, bus: Bus, *, shards: int) -> None:
        self._bus = bus
        self._shards = shards
        self._waiting: list[FeedFrame] = []
        self._wake = asyncio.Event()

    def announce(self, frames: Sequence[FeedFrame]) -> None:
        """Publish these soon. Beyond `MAX_WAITING` the waiting frames are dropped and counted."""
        if not frames:
            return
        if len(self._waiting) >= MAX_WAITING:
            LOST_ANNOUNCEMENTS.inc(len(self._waiting))
            self._waiting.clear()
        self._waiting.extend(frames)
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            await self._publish(waiting)

    async def _publish(self, frames: Sequence[FeedFrame]) -> None:
        by_shard: defaultdict[int, list[FeedFrame]] = defaultdict(list)
        for frame in frames:
            by_shard[shard_of(frame.feed, self._shards)].append(frame)
        for shard, of_shard in by_shard.items():
            body = encode_announcement(of_shard)
            message = Message(body, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
            try:
                await self._bus.publish(LIVE, shard_key(shard), message, mandatory=False)
            except BusUnavailable as error:
                LOST_ANNOUNCEMENTS.inc(len(of_shard))
                log.warning("announcement_lost", frames=len(of_shard), code=error.code)
