"""The shards this process is subscribed to: those of its sessions only.

A shard is bound before the first session's history is read, and unbound `LINGER_S` after the last
session has left, so that bindings do not churn with users. A proxy that routes each shard to one
pusher thus divides the announcements between them; a misrouted session costs a binding, never a
frame (docs/decisions/0015). A single shard is bound from the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from clarion.errors import BusUnavailable
from clarion.topology import shard_key, shard_of
from services.pusher.feed.feed import Feed
from services.pusher.feed.tasks import Tasks
from services.pusher.metrics import SHARDS

log = structlog.get_logger("clarion.pusher")

LINGER_S = 60.0


class Timer(Protocol):
    """As `asyncio.TimerHandle`."""

    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Timer]


class Bindings(Protocol):
    """The bindings of the subscription, as `clarion.bus.LiveSubscription`."""

    async def bind(self, key: str) -> None: ...
    async def unbind(self, key: str) -> None: ...
    def epoch(self) -> object: ...


def keys_at_start(total: int) -> Sequence[str]:
    """The permanent bindings: that of a single shard."""
    return [shard_key(0)] if total == 1 else []


class Shard:
    """`binding` is the task that binds it."""

    __slots__ = ("binding", "is_bound", "key", "sessions", "timer")

    def __init__(self, number: int) -> None:
        self.key = shard_key(number)
        self.sessions = 0
        self.is_bound = False
        self.binding: asyncio.Task[None] | None = None
        self.timer: Timer | None = None


class Shards:
    """Counts the sessions of each shard and keeps the bindings."""

    def __init__(self, total: int, bindings: Bindings, tasks: Tasks, call_later: CallLater) -> None:
        self._shards = [Shard(number) for number in range(total)]
        for shard in self._shards:
            shard.is_bound = shard.key in keys_at_start(total)
        self._bindings = bindings
        self._tasks = tasks
        self._call_later = call_later

    def of(self, feed: Feed) -> Shard:
        """The shard of a feed."""
        return self._shards[shard_of(feed.key, len(self._shards))]

    def is_bound(self, number: int) -> bool:
        """Whether announcements of this shard are received."""
        return self._shards[number].is_bound

    def add_session(self, feed: Feed) -> None:
        shard = self.of(feed)
        shard.sessions += 1
        if shard.timer is not None:
            shard.timer.cancel()
            shard.timer = None

    def remove_session(self, feed: Feed) -> None:
        shard = self.of(feed)
        shard.sessions -= 1
        if not shard.sessions and len(self._shards) > 1:
            shard.timer = self._call_later(LINGER_S, lambda: self._is_due(shard))

    async def ensure_bound(self, feed: Feed) -> None:
        """Return once announcements of the feed are received. While the broker is unreachable it
        returns at once: the next reconciliation finds missed announcements. Raises
        `BusUnavailable` where a reachable broker does not bind in time."""
        shard = self.of(feed)
        if shard.is_bound:
            return
        if shard.binding is None:
            shard.binding = self._tasks.start(self._bind(shard))
        await asyncio.shield(shard.binding)
        if not shard.is_bound:
            raise BusUnavailable("The broker did not bind the shard of this session in time.")

    def epoch(self) -> object:
        """Changes when announcements may have been missed."""
        return self._bindings.epoch()

    async def _bind(self, shard: Shard) -> None:
        try:
            await self._bindings.bind(shard.key)
        except BusUnavailable:
            log.warning("shard_not_bound", shard=shard.key)
        else:
            shard.is_bound = True
            SHARDS.inc()
        finally:
            shard.binding = None

    def _is_due(self, shard: Shard) -> None:
        shard.timer = None
        if shard.is_bound and not shard.sessions:
            shard.is_bound = False
            SHARDS.dec()
            self._tasks.start(self._unbind(shard))

    async def _unbind(self, shard: Shard) -> None:
        try:
            await self._bindings.unbind(shard.key)
        except BusUnavailable:
            log.warning("shard_not_unbound", shard=shard.key)
