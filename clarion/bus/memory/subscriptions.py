"""Reading queues of the memory broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import count

from clarion.bus.live_buffer import LiveBuffer
from clarion.bus.memory.broker import MemoryBroker, MemoryQueue, QueuedMessage
from clarion.bus.protocol import Received, SubscriptionClosed
from clarion.topology import LIVE

_generations = count(1)


class MemorySubscription:
    """A consumer of one queue; see `clarion.bus.protocol.Subscription`."""

    def __init__(self, broker: MemoryBroker, queue: MemoryQueue, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._generation = next(_generations)
        self._tags = count(1)
        self._outstanding: dict[int, QueuedMessage] = {}
        self._wake = asyncio.Event()
        self._closed = False
        queue.readers.append(self._wake)

    async def take(self, limit: int) -> list[Received]:
        while True:
            if self._closed:
                raise SubscriptionClosed
            free = min(limit, self._prefetch - len(self._outstanding), len(self._queue.entries))
            if free > 0:
                return [self._hand_over(self._queue.pop()) for _ in range(free)]
            self._wake.clear()
            await self._wake.wait()

    async def ack(self, messages: Sequence[Received]) -> None:
        self._settle(messages)

    async def park(self, messages: Sequence[Received]) -> None:
        for entry in self._settle(messages):
            self._broker.dead_letter(self._queue, entry, "rejected")

    async def release(self, messages: Sequence[Received]) -> None:
        self._broker.give_back(self._queue, self._settle(messages))

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._queue.readers.remove(self._wake)
            self._wake.set()

    def end(self) -> None:
        """The connection is gone: what was taken and not settled goes back."""
        entries = list(self._outstanding.values())
        self._outstanding.clear()
        self._broker.give_back(self._queue, entries)

    def _hand_over(self, entry: QueuedMessage) -> Received:
        tag = next(self._tags)
        self._outstanding[tag] = entry
        return _received(entry, tag, self._generation)

    def _settle(self, messages: Iterable[Received]) -> list[QueuedMessage]:
        settled: list[QueuedMessage] = []
        for message in messages:
            if message.channel_generation == self._generation:
                entry = self._outstanding.pop(message.tag, None)
                if entry is not None:
                    settled.append(entry)
        self._wake.set()
        return settled


class MemoryLiveSubscription:
    """Announcements of `clarion.live`; see `clarion.bus.protocol.LiveSubscription`."""

    name = LIVE

    def __init__(self, broker: MemoryBroker, keys: Sequence[str]) -> None:
        self._broker = broker
        self._generation = next(_generations)
        self._tags = count(1)
        self._buffer = LiveBuffer()
        self._buffer.begin_epoch()
        self._closed = False
        for key in keys:
            broker.bind(self, LIVE, key)

    def has_room(self, size: int) -> bool:
        return True

    def put(self, entry: QueuedMessage) -> None:
        self._buffer.put(_received(entry, next(self._tags), self._generation))

    async def take(self, limit: int) -> list[Received]:
        return await self._buffer.take(limit)

    async def bind(self, key: str) -> None:
        if not self._closed:
            self._broker.bind(self, LIVE, key)

    async def unbind(self, key: str) -> None:
        self._broker.unbind(self, LIVE, key)

    def epoch(self) -> int:
        return self._buffer.epoch

    async def close(self) -> None:
        self._closed = True
        self._broker.forget(self)
        self._buffer.close()


def _received(entry: QueuedMessage, tag: int, channel_generation: int) -> Received:
    return Received(
        entry.body,
        entry.content_type,
        entry.headers,
        entry.routing_key,
        entry.returns > 0,
        entry.user_id,
        tag,
        channel_generation,
        exchange=entry.exchange,
    )
