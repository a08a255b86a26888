"""Publishes frames of subscribers as ordinary events (docs/decisions/0008).

They enter `clarion.events` with a confirm and get every guarantee of events: the members of the
topic receive them once, by `notification` frames or by resume. Sender, tenant and title come from
the token; only `data` is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from clarion.bus import Bus
from clarion.bus.group_commit import GroupCommit, PublishReceipt
from clarion.contracts.envelope import RawEntry
from clarion.contracts.event import Lane
from clarion.contracts.frames import ErrorFrame, Ok, Publish
from clarion.contracts.ids import new_id
from clarion.contracts.validation import decode_event
from clarion.errors import Invalid, Refused, Unavailable
from clarion.telemetry.trace import new_traceparent
from services.pusher.access.token_bucket import Buckets
from services.pusher.feed.feed import Feed
from services.pusher.metrics import PUBLISHED

EVENT_TYPE = "topic.published"
SOURCE = "subscriber:"
LANE: Lane = "normal"
MAX_UNCONFIRMED_BYTES = 16 * 1024**2
"""Bytes awaiting a confirm in one process; beyond it frames are refused."""

_encode = msgspec.json.Encoder().encode


class PublishedContent(Struct, frozen=True):
    """As `contracts.event.Content`."""

    title: str


class PublishedEvent(Struct, frozen=True):
    """The event of one `publish` frame."""

    type: str
    id: str
    source: str
    to: str
    category: str
    content: PublishedContent
    channels: tuple[str, ...]
    lane: str
    data: Raw


class Publishing:
    """Publishes through group commit, with a rate limit per sender."""

    def __init__(self, bus: Bus, *, per_minute: int, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._lane = GroupCommit(bus, LANE)
        self._senders = Buckets(clock, per_minute / 60, per_minute)
        self._unconfirmed_bytes = 0

    async def publish(self, feed: Feed, frame: Publish) -> Ok | ErrorFrame:
        """The answer: `ok` once the broker has confirmed the event. Raises `Unavailable` where it
        has not, though it may have accepted it."""
        if not self._senders.take(feed.key):
            return _refusal(frame, "too_many_publishes", "Too many frames a minute.")
        event = event_of(feed.subscriber, frame)
        body = _encode(event)
        try:
            decode_event(body)
        except Refused as problem:
            return _refusal(frame, "invalid", sentence_of(problem))
        await self._enqueue(_encode(entry_of(feed.tenant, event, body)))
        PUBLISHED.inc()
        return Ok(ref=frame.ref)

    async def close(self, timeout_s: float) -> None:
        """Refuse new frames and finish pending ones."""
        await self._lane.close(timeout_s)

    async def _enqueue(self, entry: bytes) -> None:
        if (
            not self._bus.status().can_publish
            or self._unconfirmed_bytes + len(entry) > MAX_UNCONFIRMED_BYTES
        ):
            raise Unavailable("The broker accepts nothing at present; the frame was not published.")
        self._unconfirmed_bytes += len(entry)
        try:
            receipt = PublishReceipt(asyncio.get_running_loop())
            self._lane.add([entry], receipt)
            problem = await receipt.done
        finally:
            self._unconfirmed_bytes -= len(entry)
        if problem is not None:
            raise Unavailable(f"{problem.detail} With an `id` it is safe to retry.")


def event_of(sender: str, frame: Publish) -> PublishedEvent:
    """The event of a frame by this sender."""
    return PublishedEvent(
        type=EVENT_TYPE,
        id=frame.id or new_id(),
        source=SOURCE + sender,
        to=f"topic:{frame.topic}",
        category=frame.topic,
        content=PublishedContent(sender),
        channels=("inbox",),
        lane=LANE,
        data=frame.data,
    )


def entry_of(tenant: str, event: PublishedEvent, body: bytes) -> RawEntry:
    """The event in its envelope."""
    return RawEntry(event.id, event.source, tenant, datetime.now(UTC), new_traceparent(), Raw(body))


def sentence_of(problem: Refused) -> str:
    """The error text for an invalid event."""
    if not isinstance(problem, Invalid):
        return problem.detail
    return "; ".join(f"`{error.field}` {error.message}" for error in problem.errors[:10]) + "."


def _refusal(frame: Publish, code: str, detail: str) -> ErrorFrame:
    return ErrorFrame(code=code, detail=detail, ref=frame.ref)
