"""Exchanges and queues, by name (DESIGN section 4): the only place where these names stand.

Declared idempotently at start by every service. Nothing here depends on input, on users or on a
broker plugin; it is understood by RabbitMQ 3.10 to 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

from clarion.contracts.event import CHANNELS, LANES

EVENTS = "clarion.events"
DELIVERIES = "clarion.deliveries"
LIVE = "clarion.live"
PARKED = "clarion.parked"
UNROUTABLE_EVENTS = "clarion.unroutable"
CHECKED_EVENTS = "clarion.events.checked"
LANE_EVENTS = "clarion.events.lanes"
CHECKED_PARKED = "clarion.parked.checked"
PASSING = "clarion.parked.passing"

LIVE_ALL = "all"
"""Routing key of `clarion.live` that every pusher binds: control, whatever the shard."""

DELIVERY_LIMIT = 20
LEAST_CONSUMER_TIMEOUT_S = 300
"""What the broker's `consumer_timeout` (30 minutes by default) may be lowered to. Clients cannot
query it, so every message is settled within less time than this."""
MAX_QUEUE_BYTES = 4 * 1024**3
LIVE_MAX_MESSAGES = 10_000

Arguments = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange; `alternate` gets what it cannot route."""

    name: str
    kind: Literal["direct", "fanout", "headers"]
    alternate: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue for what is published to one exchange with one key. It is bound to
    `behind` where what is published passes a check first."""

    name: str
    exchange: str
    key: str
    arguments: Arguments = field(default_factory=dict[str, str | int])
    behind: str | None = None


def events_queue(lane: str) -> str:
    """The queue of accepted events of one lane."""
    return f"{EVENTS}.{lane}"


def delivery_key(channel: str, lane: str) -> str:
    """The routing key of due deliveries."""
    return f"{channel}.{lane}"


def deliveries_queue(channel: str, lane: str) -> str:
    """The queue of due deliveries of one channel and lane."""
    return f"{DELIVERIES}.{delivery_key(channel, lane)}"


def shard_of(feed: str, shards: int) -> int:
    """A feed's shard: CRC-32 of `tenant/subscriber` modulo `shards`; it never changes."""
    return crc32(feed.encode()) % shards


def shard_key(shard: int) -> str:
    """The routing key of one shard's announcements."""
    return str(shard)


WORK_QUEUE: Arguments = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": PARKED,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    "x-delivery-limit": DELIVERY_LIMIT,
    "x-max-length-bytes": MAX_QUEUE_BYTES,
}
"""When full a publish is refused, never an older message dropped (at-least-once needs it too)."""

PARKED_QUEUE: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}

PASSING_QUEUE: Arguments = WORK_QUEUE | {
    "x-message-ttl": 0,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": PARKED,
    "x-delivery-limit": 1_000_000,
}
"""What comes in moves on to the queue `clarion.parked` at once, and the broker takes its
`expiration` away as it does of all that is dead-lettered. By the default exchange: what died here
must not come by again."""

LIVE_QUEUE: Arguments = {"x-max-length": LIVE_MAX_MESSAGES, "x-overflow": "drop-head"}
"""One per pusher, exclusive, server-named. Dropping is safe: the store fills the gaps."""

EXCHANGES: tuple[Exchange, ...] = (
    Exchange(EVENTS, "direct", alternate=UNROUTABLE_EVENTS),
    Exchange(DELIVERIES, "direct"),
    Exchange(LIVE, "direct"),
    Exchange(PARKED, "fanout"),
)

DECLARED_EXCHANGES: tuple[Exchange, ...] = (
    Exchange(UNROUTABLE_EVENTS, "direct", alternate=PARKED),
    Exchange(LANE_EVENTS, "direct"),
    Exchange(CHECKED_EVENTS, "headers", alternate=LANE_EVENTS),
    Exchange(PASSING, "fanout"),
    Exchange(CHECKED_PARKED, "headers", alternate=PASSING),
    *EXCHANGES,
)
"""All exchanges, also those that are only bound to others. The first passes an event whose key is
no lane on to `clarion.parked`, where it is kept; the `headers` ones route what was dead-lettered,
or claims so, to the queue `clarion.parked`, and all else to the alternate."""

FORWARDED: tuple[tuple[str, str, str], ...] = (
    *((UNROUTABLE_EVENTS, lane, EVENTS) for lane in LANES),
    *((EVENTS, lane, CHECKED_EVENTS) for lane in LANES),
    (PARKED, "", CHECKED_PARKED),
)
"""Bindings of an exchange by a key to an exchange. By the first a message with the key of a lane
goes back to the exchange it came from, which the broker does not visit twice: it is routed nowhere,
and a `mandatory` publish is returned if a lane has no queue. Kept as unroutable it would be
confirmed, and `202` would promise too much."""

IGNORES_FORGED_DEATHS = (4, 0)
"""The first RabbitMQ that leaves alone what a publisher wrote into `x-death`. Older ones read it
when they dead-letter: over one that is no list of deaths their worker fails, for every queue of the
node; one that names the target as visited is never let go. At those what bears an `x-death` goes
from `CHECKED_EVENTS` straight to the queue `clarion.parked`, which adds to no death."""

DELIVERY_CHANNELS = tuple(channel for channel in CHANNELS if channel != "inbox")
"""Every channel but the inbox, which is the notification itself."""

QUEUES: tuple[Queue, ...] = (
    Queue(PARKED, PARKED, "", PARKED_QUEUE, behind=CHECKED_PARKED),
    *(Queue(events_queue(lane), EVENTS, lane, WORK_QUEUE, behind=LANE_EVENTS) for lane in LANES),
    *(
        Queue(deliveries_queue(channel, lane), DELIVERIES, delivery_key(channel, lane), WORK_QUEUE)
        for channel in DELIVERY_CHANNELS
        for lane in LANES
    ),
)
"""Of every version."""

DECLARED_QUEUES: tuple[Queue, ...] = (
    Queue(PASSING, PASSING, "", PASSING_QUEUE),
    *QUEUES,
)
"""With the one that is passed by what is parked without having died, such as an event with a key
that is no lane: it may have an `expiration`, and must not be dropped when that ends."""
