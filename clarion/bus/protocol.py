"""The interface of a broker. Two implementations pass one contract suite: `rabbitmq` and `memory`.

Guarantees of every implementation:

- `publish` returns only when the broker has taken charge of the message (for a durable queue: has
  stored it). Otherwise it raises within `publish_timeout_s`; after `PublishUnknown` the message
  may or may not be there.
- A message taken and neither acknowledged nor parked comes back, with `redelivered` set, when its
  subscription or its connection ends. It may come back although it was acknowledged: consumers
  are idempotent.
- Whatever a publisher sends arrives as one message: what cannot be decoded is `undecodable`, and
  neither its neighbours nor the connection are touched.
- A subscription survives the loss of its connection: `take` waits for the broker to return.
  Settling a message of the lost connection is ignored, for it will come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish. Headers are ours alone; a caller's headers are never copied here."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    persistent: bool = True


class Undecodable(NamedTuple):
    """What of a message cannot be decoded, by name, and its properties as they came (AMQP 0-9-1,
    section 2.3.5.2: flags and list), so that nothing of it is lost."""

    faults: tuple[str, ...]
    properties: bytes

    @property
    def detail(self) -> str:
        """A sentence for people."""
        return f"AMQP properties that cannot be decoded: {', '.join(self.faults)}."


@dataclass(frozen=True, slots=True)
class Received:
    """A message taken from a queue; `tag` and `channel_generation` belong to the bus.

    `user_id` is the publisher as verified by the broker; None if the publisher did not set it.
    `exchange` is where it was published; for a dead letter the dead-letter exchange.

    Where it is `undecodable`, the other fields hold what can be read of it; `body` is whole. It is
    malformed: park it, or drop it where messages are not settled.
    """

    body: bytes
    content_type: str
    headers: Mapping[str, object]
    routing_key: str
    redelivered: bool
    user_id: str | None
    tag: int
    channel_generation: int
    undecodable: Undecodable | None = None
    exchange: str = ""


@dataclass(frozen=True, slots=True)
class BusStatus:
    """Whether publishers and consumers can work now; `detail` says why not, in a sentence.

    `lost` is a sentence if this process has been without a consumer for so long, although the
    broker answers, that only a restart may help; else empty.
    """

    can_publish: bool
    can_consume: bool
    detail: str = ""
    lost: str = ""


class Subscription(Protocol):
    """A consumer of one queue."""

    async def take(self, limit: int) -> list[Received]:
        """Messages that have arrived, 1 to `limit`; waits while there are none.

        Safe to cancel: what was not returned stays for the next call.
        Raises `SubscriptionClosed` once `close` was called.
        """
        ...

    async def ack(self, messages: Sequence[Received]) -> None:
        """Acknowledge these, in one frame if nothing else is outstanding."""
        ...

    async def park(self, messages: Sequence[Received]) -> None:
        """Dead-letter these: they go to `clarion.parked`."""
        ...

    async def release(self, messages: Sequence[Received]) -> None:
        """Hand back untouched work. Only at shutdown: never a way to retry."""
        ...

    async def close(self) -> None:
        """Stop receiving and hand back what was not taken; settling stays possible until the bus
        closes."""
        ...


class SubscriptionClosed(Exception):
    """`take` on a subscription that was closed: the worker's sign to end."""


class LiveSubscription(Protocol):
    """A subscription to `clarion.live`: exclusive, transient, bounded, without acknowledgement."""

    async def take(self, limit: int) -> list[Received]:
        """As `Subscription.take`. Old messages are dropped where the reader is too slow."""
        ...

    async def bind(self, key: str) -> None:
        """Subscribe to this routing key too: receive what is announced after this returns, or,
        while the connection is lost, from the next epoch on. Raises `BusUnavailable` if a broker
        that is reachable does not confirm in time."""
        ...

    async def unbind(self, key: str) -> None:
        """Unsubscribe from this routing key, soon."""
        ...

    def epoch(self) -> int:
        """0 until it first listens; grows with each reconnect and each time messages were dropped:
        what was announced meanwhile is missed."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class Bus(Protocol):
    """A broker."""

    @property
    def users(self) -> frozenset[str]:
        """The AMQP users of this process: each message that it publishes has one of them as
        `user_id`."""
        ...

    async def start(self) -> None:
        """Connect and declare the topology. Returns at once if the broker is unavailable, and
        retries in the background; see `status`. Raises `ConfigurationError` for what a retry cannot
        fix: a wrong password, a queue that exists with other arguments."""
        ...

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        """Publish and wait for the confirm. Raises `BusUnavailable` or one of its kinds, and
        `ValueError` for an exchange that is not in `clarion.topology`."""
        ...

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Consume a work queue with at most `prefetch` unsettled messages."""
        ...

    def listen(self, keys: Sequence[str]) -> LiveSubscription:
        """Subscribe to announcements with one of these routing keys."""
        ...

    def status(self) -> BusStatus:
        """The state now, without I/O."""
        ...

    async def close(self) -> None:
        """Close the connections gracefully; unsettled messages are redelivered to others."""
        ...
