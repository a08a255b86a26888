"""Group commit: events that arrive while publishes are in flight share the next message.

At most `IN_FLIGHT` envelopes of a lane are on their way; what arrives meanwhile leaves as one.
An idle process waits for nothing. Each caller is answered at the confirm of what it brought.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from clarion.bus.metrics import CONFIRMED, ENVELOPE_EVENTS, ENVELOPE_SECONDS
from clarion.bus.protocol import Bus, Message
from clarion.contracts.envelope import (
    ENVELOPE_CONTENT_TYPE,
    MAX_ENVELOPE_BYTES,
    MAX_ENVELOPE_EVENTS,
    join_envelope,
)
from clarion.errors import Problem, PublishUnknown, Unavailable
from clarion.topology import EVENTS

IN_FLIGHT = 2

log = structlog.get_logger("clarion.bus")


class PublishReceipt:
    """What one caller waits for: `None` once all it brought is confirmed, else what failed.

    It is open for `additions` calls of `GroupCommit.add`, one for each lane.
    """

    __slots__ = ("_open", "done")

    def __init__(self, loop: asyncio.AbstractEventLoop, additions: int = 1) -> None:
        self.done: asyncio.Future[Problem | None] = loop.create_future()
        self._open = additions

    def expect(self, chunks: int) -> None:
        """One addition came as so many chunks."""
        self._open += chunks - 1

    def settle(self, problem: Problem | None) -> None:
        """A chunk was confirmed, or it failed and with it the whole."""
        self._open -= 1
        if not self.done.done() and (problem is not None or self._open == 0):
            self.done.set_result(problem)


@dataclass(slots=True)
class Chunk:
    """Entries of one caller that travel in one envelope."""

    entries: list[bytes]
    size: int
    receipt: PublishReceipt


class GroupCommit:
    """Publishes the events of one lane."""

    def __init__(self, bus: Bus, lane: str) -> None:
        self._bus = bus
        self._lane = lane
        self._waiting: deque[Chunk] = deque()
        self._publishers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, entries: Sequence[bytes], receipt: PublishReceipt) -> None:
        """Publish these; `receipt.done` has the result. Callers that fit one envelope are never
        split over two. Raises `Unavailable` once `close` was called."""
        if self._closed:
            raise Unavailable("This process is stopping; nothing was accepted.", code="stopping")
        chunks = _chunks_of(entries, receipt)
        receipt.expect(len(chunks))
        self._waiting.extend(chunks)
        self._fill()

    async def close(self, timeout_s: float) -> None:
        """Refuse what is new, finish what is accepted, up to `timeout_s`."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def _fill(self) -> None:
        if self._publishers < IN_FLIGHT:
            self._publishers += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        try:
            while chunks := self._next_envelope():
                problem = await self._publish(chunks)
                for chunk in chunks:
                    chunk.receipt.settle(problem)
                if problem is not None and not self._bus.status().can_publish:
                    self._fail_waiting(problem)
        finally:
            self._publishers -= 1

    def _next_envelope(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        events = size = 0
        while self._waiting:
            chunk = self._waiting[0]
            events += len(chunk.entries)
            size += chunk.size
            if chunks and (events > MAX_ENVELOPE_EVENTS or size > MAX_ENVELOPE_BYTES):
                break
            self._waiting.popleft()
            if not chunk.receipt.done.done():
                chunks.append(chunk)
            else:  # another part of the same array has failed
                events -= len(chunk.entries)
                size -= chunk.size
        return chunks

    async def _publish(self, chunks: list[Chunk]) -> Problem | None:
        entries = [entry for chunk in chunks for entry in chunk.entries]
        body = join_envelope(entries)
        started = time.perf_counter()
        try:
            await self._bus.publish(EVENTS, self._lane, Message(body, ENVELOPE_CONTENT_TYPE))
        except Problem as problem:
            return problem
        except Exception:
            log.exception("publish_broke", events=len(entries))
            return PublishUnknown("It is not known whether the broker has stored it.")
        finally:
            ENVELOPE_SECONDS.observe(time.perf_counter() - started)
            ENVELOPE_EVENTS.observe(len(entries))
        CONFIRMED.labels(self._lane).inc(len(entries))
        return None

    def _fail_waiting(self, problem: Problem) -> None:
        while self._waiting:
            self._waiting.popleft().receipt.settle(problem)


def _chunks_of(entries: Sequence[bytes], receipt: PublishReceipt) -> list[Chunk]:
    chunks: list[Chunk] = []
    for entry in entries:
        size = len(entry) + 1
        last = chunks[-1] if chunks else None
        if (
            last is None
            or len(last.entries) == MAX_ENVELOPE_EVENTS
            or last.size + size > MAX_ENVELOPE_BYTES
        ):
            chunks.append(Chunk([entry], size, receipt))
        else:
            last.entries.append(entry)
            last.size += size
    return chunks
