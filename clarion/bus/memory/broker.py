"""Queues and routing in memory: what several `MemoryBus`es of one process share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, Protocol

from clarion.bus.protocol import Message
from clarion.contracts.event import LANES
from clarion.errors import PublishRefused, Unroutable
from clarion.topology import DECLARED_QUEUES, EVENTS, EXCHANGES, PARKED, Arguments

DEFAULT_MAX_QUEUE_BYTES = 256 * 1024**2

Death = Literal["rejected", "delivery_limit"]


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """A message in a queue; `returns` counts how often it was taken and came back."""

    body: bytes
    content_type: str
    headers: Mapping[str, object]
    exchange: str
    routing_key: str
    sequence: int
    user_id: str | None
    returns: int = 0


class Target(Protocol):
    """What an exchange can route to."""

    name: str

    def has_room(self, size: int) -> bool: ...
    def put(self, entry: QueuedMessage) -> None: ...


@dataclass(eq=False)
class MemoryQueue:
    """First in, first out; what comes back goes to its old place. Full at `max_bytes`."""

    name: str
    max_bytes: int | None = None
    delivery_limit: int | None = None
    dead_letter_exchange: str | None = None
    entries: deque[QueuedMessage] = field(default_factory=deque[QueuedMessage])
    bytes_held: int = 0
    readers: list[asyncio.Event] = field(default_factory=list[asyncio.Event])

    def has_room(self, size: int) -> bool:
        return self.max_bytes is None or self.bytes_held + size <= self.max_bytes

    def put(self, entry: QueuedMessage) -> None:
        self.entries.append(entry)
        self.bytes_held += len(entry.body)
        self.wake()

    def pop(self) -> QueuedMessage:
        entry = self.entries.popleft()
        self.bytes_held -= len(entry.body)
        return entry

    def put_back(self, entries: Iterable[QueuedMessage]) -> None:
        for entry in sorted(entries, key=lambda one: one.sequence, reverse=True):
            self.entries.appendleft(entry)
            self.bytes_held += len(entry.body)
        self.wake()

    def wake(self) -> None:
        for reader in self.readers:
            reader.set()


class MemoryBroker:
    """The topology of `clarion.topology` with its queues in memory."""

    def __init__(self, *, max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES) -> None:
        self.queues: dict[str, MemoryQueue] = {}
        self._kinds = {exchange.name: exchange.kind for exchange in EXCHANGES}
        self._bindings: dict[tuple[str, str], list[Target]] = {}
        self._sequence = count()
        for queue in DECLARED_QUEUES:
            made = _queue_from(queue.name, queue.arguments, max_queue_bytes)
            self.queues[queue.name] = made
            if queue.exchange in self._kinds:  # nothing expires here, so nothing is kept alive
                self.bind(made, queue.exchange, queue.key)

    def bind(self, queue: Target, exchange: str, key: str) -> None:
        """Route messages of `exchange` with this key (a fanout: any key) to `queue`."""
        bound = self._bindings.setdefault(self._route(exchange, key), [])
        if queue not in bound:
            bound.append(queue)

    def unbind(self, queue: Target, exchange: str, key: str) -> None:
        """Take back `bind`."""
        bound = self._bindings.get(self._route(exchange, key), [])
        if queue in bound:
            bound.remove(queue)

    def forget(self, queue: Target) -> None:
        """Remove the queue from every exchange."""
        for bound in self._bindings.values():
            if queue in bound:
                bound.remove(queue)

    def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool, user: str | None
    ) -> None:
        """Put a copy in every queue that is bound, or in none.

        Raises `Unroutable`, `PublishRefused`, and `ValueError` for an exchange that is not ours.
        """
        bound = self._bindings.get(self._route(exchange, key), ())
        if not mandatory and not bound and exchange == EVENTS and key not in LANES:
            bound = self._bindings[self._route(PARKED, key)]
        if mandatory and not bound:
            raise Unroutable(f"No queue is bound to {exchange} with key {key!r}.")
        for queue in bound:
            if not queue.has_room(len(message.body)):
                raise PublishRefused(f"The queue {queue.name} is full.")
        for queue in bound:
            queue.put(
                QueuedMessage(
                    message.body,
                    message.content_type,
                    dict(message.headers),
                    exchange,
                    key,
                    next(self._sequence),
                    user,
                )
            )

    def give_back(self, queue: MemoryQueue, entries: Iterable[QueuedMessage]) -> None:
        """Return what was taken; what came back too often is parked (`x-delivery-limit`)."""
        kept: list[QueuedMessage] = []
        for entry in entries:
            entry.returns += 1
            if queue.delivery_limit is not None and entry.returns > queue.delivery_limit:
                self.dead_letter(queue, entry, "delivery_limit")
            else:
                kept.append(entry)
        queue.put_back(kept)

    def dead_letter(self, queue: MemoryQueue, entry: QueuedMessage, reason: Death) -> None:
        """Move to the queue's dead-letter exchange with the headers that RabbitMQ adds."""
        if queue.dead_letter_exchange is None:
            return
        headers = {
            "x-first-death-exchange": entry.exchange,
            "x-first-death-queue": queue.name,
            "x-first-death-reason": reason,
        } | dict(entry.headers)
        exchange = queue.dead_letter_exchange
        for target in self._bindings.get(self._route(exchange, entry.routing_key), ()):
            target.put(
                QueuedMessage(
                    entry.body,
                    entry.content_type,
                    headers,
                    exchange,
                    entry.routing_key,
                    next(self._sequence),
                    entry.user_id,
                )
            )

    def _route(self, exchange: str, key: str) -> tuple[str, str]:
        kind = self._kinds.get(exchange)
        if kind is None:
            raise ValueError(f"{exchange} is not an exchange of clarion.topology")
        return (exchange, "" if kind == "fanout" else key)


def _queue_from(name: str, arguments: Arguments, max_queue_bytes: int) -> MemoryQueue:
    refuses = arguments.get("x-overflow") == "reject-publish"
    limit = arguments.get("x-delivery-limit")
    dead_letter_exchange = arguments.get("x-dead-letter-exchange")
    return MemoryQueue(
        name,
        max_bytes=min(max_queue_bytes, int(arguments["x-max-length-bytes"])) if refuses else None,
        delivery_limit=int(limit) if limit is not None else None,
        dead_letter_exchange=str(dead_letter_exchange) if dead_letter_exchange else None,
    )
