"""One timer wheel for all sessions: heartbeats, token expiry, deadlines.

It holds an item at most once, under the tick of its next deadline. The event loop has a single
timer, regardless of the number of items.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

import structlog

log = structlog.get_logger("clarion.pusher")

NO_TICK = -1


class Timed(Protocol):
    """An item of the wheel; `tick` belongs to the wheel."""

    tick: int

    def on_deadline(self, now: float) -> None:
        """Its deadline has passed; it may set the next one."""
        ...


class Handle(Protocol):
    def cancel(self) -> None: ...


CallAt = Callable[[float, Callable[[], None]], Handle]


class TimerWheel:
    """Calls an item at the first tick after its deadline, never before."""

    def __init__(self, clock: Callable[[], float], call_at: CallAt, *, tick_s: float = 0.1) -> None:
        self._clock = clock
        self._call_at = call_at
        self._tick_s = tick_s
        self._buckets: dict[int, set[Timed]] = {}
        self._ticks: list[int] = []
        self._handle: Handle | None = None
        self._armed = NO_TICK

    def set(self, item: Timed, deadline: float) -> None:
        """Call `item.on_deadline` at `deadline` (clock time), in place of an earlier one."""
        tick = math.ceil(deadline / self._tick_s)
        if tick == item.tick:
            return
        self.cancel(item)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
            heappush(self._ticks, tick)
            self._arm()
        bucket.add(item)
        item.tick = tick

    def cancel(self, item: Timed) -> None:
        """Remove the item."""
        bucket = self._buckets.get(item.tick)
        if bucket is not None:
            bucket.discard(item)
        item.tick = NO_TICK

    def advance(self) -> None:
        """Call the items that are due."""
        now = self._clock()
        self._armed = NO_TICK
        while self._ticks and self._ticks[0] * self._tick_s <= now:
            for item in self._buckets.pop(heappop(self._ticks)):
                item.tick = NO_TICK
                try:
                    item.on_deadline(now)
                except Exception:
                    log.exception("timer_failed")
        self._arm()

    def close(self) -> None:
        """Remove every item."""
        if self._handle is not None:
            self._handle.cancel()
        self._buckets.clear()
        self._ticks.clear()

    def _arm(self) -> None:
        if not self._ticks or self._ticks[0] == self._armed:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed = self._ticks[0]
        self._handle = self._call_at(self._armed * self._tick_s, self.advance)
