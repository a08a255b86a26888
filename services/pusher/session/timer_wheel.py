"""One timer wheel for all sessions: heartbeats, token expiry, deadlines.

An item stands in it at most once, under the tick of its next deadline; the event loop holds one
timer however many items there are.
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
    """What can stand in the wheel; `tick` is the wheel's."""

    tick: int

    def on_deadline(self, now: float) -> None:
        """Its deadline has come; it may set the next one."""
        ...


class Handle(Protocol):
    def cancel(self) -> None: ...


CallAt = Callable[[float, Callable[[], None]], Handle]


class TimerWheel:
    """Deadlines are met at the first tick after them, never before."""

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
        """Forget the item's deadline."""
        bucket = self._buckets.get(item.tick)
        if bucket is not None:
            bucket.discard(item)
        item.tick = NO_TICK

    def advance(self) -> None:
        """Call what is due."""
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
        """Forget everything."""
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
