"""Messages to publish after a commit, and their publisher, which waits for confirms.

The unacknowledged incoming message serves as the outbox record: after a crash its next reader reads
back the committed rows and publishes them again. Consumers ignore duplicates.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import msgspec
import structlog

from clarion.bus.protocol import Bus, Message
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    encode_announcement,
)
from clarion.contracts.job import JOBS_CONTENT_TYPE, MAX_JOBS, Job, Jobs
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.errors import BusUnavailable, PublishRefused, PublishUnknown, Unroutable
from clarion.topology import DELIVERIES, EVENTS, LIVE, delivery_key, shard_key, shard_of
from services.notifier import metrics
from services.notifier.drafts import Draft, frame_of
from services.notifier.fail_points import reach

log = structlog.get_logger("clarion.notifier")

MAX_ANNOUNCEMENT_BYTES = 512 * 1024
MAX_IN_FLIGHT = 8
PASSED_OVER_S = 15.0

_feed_of = attrgetter("feed")
_encode_json = msgspec.json.Encoder().encode

Line = tuple[str, str]
"""(channel, lane): a queue of due deliveries."""


@dataclass(slots=True)
class Outbox:
    """The messages of one transaction. Announcements are encoded when they are published."""

    drafts: Sequence[Draft] = ()
    created_at: datetime | None = None
    frames: list[FeedFrame] = field(default_factory=list[FeedFrame])
    jobs: dict[Line, list[Job]] = field(default_factory=dict[Line, list[Job]])
    slices: list[tuple[str, Slice]] = field(default_factory=list[tuple[str, Slice]])
    duplicates: list[UUID] = field(default_factory=list[UUID])
    """Repeats of planned events, whose rows are to be read back."""

    def add_job(self, channel: str, lane: str, job: Job) -> None:
        """Add a due delivery."""
        self.jobs.setdefault((channel, lane), []).append(job)

    def all_frames(self) -> Iterator[FeedFrame]:
        """Frames in order of version; those of one feed are adjacent, which is cheaper for
        pushers."""
        yield from self.frames
        if self.created_at is not None:
            for draft in sorted(self.drafts, key=_feed_of):
                if draft.version is not None:
                    yield FeedFrame(draft.feed, draft.version, frame_of(draft, self.created_at))


class Publisher:
    """Publishes outboxes. A queue that refuses messages does not block the others: deliveries and
    slices are rows that dispatch publishes again, and announcements are hints."""

    def __init__(self, bus: Bus, *, shards: int) -> None:
        self._bus = bus
        self._shards = shards
        self._unanswered: dict[str, float] = {}
        """Routing keys of delivery queues that twice did not confirm in time, and until when they
        are skipped: each publish to them costs a confirm timeout."""

    async def publish(self, outbox: Outbox) -> None:
        """Publish everything and wait for the confirms. Messages that a queue refuses are counted
        and left to dispatch. Raises `BusUnavailable` without a connection to the broker; then a
        part may have been published."""
        await self._send((LIVE, *message) for message in self._announcements(outbox.all_frames()))
        if outbox.jobs:
            reach("publish.before_jobs")
            await self._send((DELIVERIES, *message) for message in job_messages(outbox.jobs))
        if outbox.slices:
            reach("publish.before_slices")
            await self._send((EVENTS, *message) for message in slice_messages(outbox.slices))

    async def _send(self, messages: Iterable[tuple[str, str, Message]]) -> None:
        pending: list[tuple[str, str, Message]] = []
        for message in messages:
            pending.append(message)
            if len(pending) == MAX_IN_FLIGHT:
                await self._flush(pending)
                pending = []
        await self._flush(pending)

    async def _flush(self, messages: Sequence[tuple[str, str, Message]]) -> None:
        if len(messages) == 1:
            await self._publish_one(*messages[0])
        elif messages:
            await asyncio.gather(*(self._publish_one(*message) for message in messages))

    async def _publish_one(self, exchange: str, key: str, message: Message) -> None:
        if exchange == DELIVERIES:
            await self._job(key, message)
            return
        try:
            # An announcement needs no listener; for work a missing queue is an error.
            await self._bus.publish(exchange, key, message, mandatory=exchange != LIVE)
        except PublishRefused as error:
            # Waiting for a full queue of events would stop its own consumer: a deadlock.
            _skipped(exchange, key, error)

    async def _job(self, key: str, message: Message) -> None:
        if self._unanswered.get(key, 0.0) > time.monotonic():
            metrics.PUBLISH_SKIPPED.labels(DELIVERIES).inc()
            return
        try:
            await self._bus.publish(DELIVERIES, key, message)
        except (PublishRefused, Unroutable) as error:
            _skipped(DELIVERIES, key, error)
        except PublishUnknown as error:
            if key not in self._unanswered:  # it may be the connection, whose return is waited for
                self._unanswered[key] = 0.0
                raise
            self._unanswered[key] = time.monotonic() + PASSED_OVER_S
            _skipped(DELIVERIES, key, error)
        else:
            self._unanswered.pop(key, None)

    def _announcements(self, frames: Iterable[FeedFrame]) -> Iterator[tuple[str, Message]]:
        shards: dict[int, list[FeedFrame]] = {}
        sizes: dict[int, int] = {}
        for frame in frames:
            shard = shard_of(frame.feed, self._shards) if self._shards > 1 else 0
            shards.setdefault(shard, []).append(frame)
            sizes[shard] = sizes.get(shard, 0) + len(frame.body)
            if sizes[shard] >= MAX_ANNOUNCEMENT_BYTES:
                yield shard_key(shard), _announcement(shards.pop(shard))
                sizes[shard] = 0
        for shard, left in shards.items():
            yield shard_key(shard), _announcement(left)


def _skipped(exchange: str, key: str, error: BusUnavailable) -> None:
    metrics.PUBLISH_SKIPPED.labels(exchange).inc()
    log.warning("publish_skipped", exchange=exchange, key=key, reason=error.code)


def job_messages(jobs: Mapping[Line, Sequence[Job]]) -> Iterator[tuple[str, Message]]:
    """Messages with jobs of one channel and lane each, with their routing keys."""
    for (channel, lane), line in jobs.items():
        for start in range(0, len(line), MAX_JOBS):
            body = _encode_json(Jobs(1, list(line[start : start + MAX_JOBS])))
            yield delivery_key(channel, lane), Message(body, JOBS_CONTENT_TYPE)


def slice_messages(slices: Iterable[tuple[str, Slice]]) -> Iterator[tuple[str, Message]]:
    """One message per slice, with its lane as the routing key."""
    for lane, slice_ in slices:
        headers = {"traceparent": slice_.traceparent}
        yield lane, Message(_encode_json(slice_), SLICE_CONTENT_TYPE, headers)


def _announcement(frames: list[FeedFrame]) -> Message:
    body = encode_announcement(frames)
    return Message(body, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
