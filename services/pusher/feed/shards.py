"""Which shards this process hears: those of its sessions, and no other.

A shard is bound before the history of its first session is read, and kept for `LINGER_S` after its
last one left: bindings do not churn with users, and are as many as there are shards at most. A
placement that sends a shard to one pusher so decides what each hears, and one that errs costs a
binding, never a frame (docs/decisions/0015). A shard that is the only one is bound from the start.
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
    """What is heard, by key; as `clarion.bus.LiveSubscription`."""

    async def bind(self, key: str) -> None: ...
    async def unbind(self, key: str) -> None: ...
    def epoch(self) -> object: ...


def keys_at_start(total: int) -> Sequence[str]:
    """What is bound before there is a session, for ever: the shard that is the only one."""
    return [shard_key(0)] if total == 1 else []


class Shard:
    """One of them. `binding` runs while it is being bound."""

    __slots__ = ("binding", "is_bound", "key", "sessions", "timer")

    def __init__(self, number: int) -> None:
        self.key = shard_key(number)
        self.sessions = 0
        self.is_bound = False
        self.binding: asyncio.Task[None] | None = None
        self.timer: Timer | None = None


class Shards:
    """Counts the sessions of each shard; `remove_session` takes back what `add_session` counted."""

    def __init__(self, total: int, bindings: Bindings, tasks: Tasks, call_later: CallLater) -> None:
        self._shards = [Shard(number) for number in range(total)]
        for shard in self._shards:
            shard.is_bound = shard.key in keys_at_start(total)
        self._bindings = bindings
        self._tasks = tasks
        self._call_later = call_later

    def of(self, feed: Feed) -> Shard:
        """The one that a feed is announced in."""
        return self._shards[shard_of(feed.key, len(self._shards))]

    def is_bound(self, number: int) -> bool:
        """Whether what is announced in this shard is heard."""
        return self._shards[number].is_bound

    def add_session(self, feed: Feed) -> None:
        """A session joined this feed."""
        shard = self.of(feed)
        shard.sessions += 1
        if shard.timer is not None:
            shard.timer.cancel()
            shard.timer = None

    def remove_session(self, feed: Feed) -> None:
        """A session of this feed is gone."""
        shard = self.of(feed)
        shard.sessions -= 1
        if not shard.sessions and len(self._shards) > 1:
            shard.timer = self._call_later(LINGER_S, lambda: self._is_due(shard))

    async def ensure_bound(self, feed: Feed) -> None:
        """Return once what is announced to the feed is heard, as far as the broker is there: what
        was announced while it was not is found by the check after. Raises `BusUnavailable` where
        a broker that is there does not bind in time."""
        shard = self.of(feed)
        if shard.is_bound:
            return
        if shard.binding is None:
            shard.binding = self._tasks.start(self._bind(shard))
        await asyncio.shield(shard.binding)
        if not shard.is_bound:
            raise BusUnavailable("The broker does not let this session be heard of.")

    def epoch(self) -> object:
        """Another one than before where something may not have been heard meanwhile."""
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
