"""What has to be published once a transaction has committed, and publishing it with confirms.

The unacknowledged message is the outbox: whoever reads it again after a crash reads back what was
committed and publishes it again. Readers ignore what they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import msgspec

from clarion.bus.protocol import Bus, Message
from clarion.contracts.announcement import ANNOUNCEMENT_CONTENT_TYPE, Announcement, FeedFrame
from clarion.contracts.job import JOBS_CONTENT_TYPE, MAX_JOBS, Job, Jobs
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.topology import DELIVERIES, EVENTS, LIVE, delivery_key, shard_key, shard_of
from services.notifier.fail_points import reach
from services.notifier.plan.drafts import Draft, frame_of

MAX_ANNOUNCEMENT_BYTES = 512 * 1024
MAX_IN_FLIGHT = 8

_feed_of = attrgetter("feed")
_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode

Line = tuple[str, str]
"""(channel, lane): a queue of due deliveries."""


@dataclass(slots=True)
class Outbox:
    """What one transaction gives to others. Frames are encoded when they are published."""

    drafts: Sequence[Draft] = ()
    created_at: datetime | None = None
    frames: list[FeedFrame] = field(default_factory=list[FeedFrame])
    jobs: dict[Line, list[Job]] = field(default_factory=dict[Line, list[Job]])
    slices: list[tuple[str, Slice]] = field(default_factory=list[tuple[str, Slice]])
    duplicates: list[UUID] = field(default_factory=list[UUID])
    """Events planned earlier that came again: what they wrote is to be read back."""

    def add_job(self, channel: str, lane: str, job: Job) -> None:
        """One more delivery that is due."""
        self.jobs.setdefault((channel, lane), []).append(job)

    def all_frames(self) -> Iterator[FeedFrame]:
        """In order of version within a feed; those of one feed follow each other, for that makes
        them cheaper for pushers."""
        yield from self.frames
        if self.created_at is not None:
            for draft in sorted(self.drafts, key=_feed_of):
                if draft.version is not None:
                    yield FeedFrame(draft.feed, draft.version, frame_of(draft, self.created_at))


class Publisher:
    """Publishes outboxes."""

    def __init__(self, bus: Bus, *, shards: int) -> None:
        self._bus = bus
        self._shards = shards

    async def publish(self, outbox: Outbox) -> None:
        """Everything, confirmed. Raises `BusUnavailable`; then some of it may be out."""
        await self._send((LIVE, *one) for one in self._announcements(outbox.all_frames()))
        if outbox.jobs:
            reach("publish.before_jobs")
            await self._send((DELIVERIES, *one) for one in job_messages(outbox.jobs))
        if outbox.slices:
            reach("publish.before_slices")
            await self._send((EVENTS, *one) for one in slice_messages(outbox.slices))

    async def _send(self, messages: Iterable[tuple[str, str, Message]]) -> None:
        pending: list[tuple[str, str, Message]] = []
        for one in messages:
            pending.append(one)
            if len(pending) == MAX_IN_FLIGHT:
                await self._flush(pending)
                pending = []
        await self._flush(pending)

    async def _flush(self, messages: Sequence[tuple[str, str, Message]]) -> None:
        if len(messages) == 1:
            await self._one(*messages[0])
        elif messages:
            await asyncio.gather(*(self._one(*one) for one in messages))

    async def _one(self, exchange: str, key: str, message: Message) -> None:
        # Nobody needs to be live; for work a missing queue is an error.
        await self._bus.publish(exchange, key, message, mandatory=exchange != LIVE)

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


def job_messages(jobs: Mapping[Line, Sequence[Job]]) -> Iterator[tuple[str, Message]]:
    """Jobs packed by channel and lane, with their routing keys."""
    for (channel, lane), line in jobs.items():
        for start in range(0, len(line), MAX_JOBS):
            body = _encode_json(Jobs(1, list(line[start : start + MAX_JOBS])))
            yield delivery_key(channel, lane), Message(body, JOBS_CONTENT_TYPE)


def slice_messages(slices: Iterable[tuple[str, Slice]]) -> Iterator[tuple[str, Message]]:
    """Each slice its own message, routed by its lane."""
    for lane, piece in slices:
        headers = {"traceparent": piece.traceparent}
        yield lane, Message(_encode_json(piece), SLICE_CONTENT_TYPE, headers)


def _announcement(frames: list[FeedFrame]) -> Message:
    body = _encode_msgpack(Announcement(1, frames))
    return Message(body, ANNOUNCEMENT_CONTENT_TYPE, persistent=False)
