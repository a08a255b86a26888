"""What was given to one socket and is not yet on its way: joined, bounded in bytes.

Several frames for one session within a turn of the event loop leave in one write: under uvloop
each write is a system call. The transport says when its buffer is past the high-water mark and
when it is below the low one again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from services.pusher.metrics import FRAMES

HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024


class Writer(Protocol):
    """The part of a transport that a backlog needs."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Gone:
    """The writer of a connection that is lost: discards, where uvloop would raise."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


GONE = Gone()


class Outbox:
    """Backlogs with something to write; they are flushed once, at the end of the turn."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: list[Backlog] = []
        self.joined = 0
        """Frames that wait as a part of what another began."""

    def add(self, backlog: Backlog) -> None:
        """Flush this one with the others."""
        if not self._waiting:
            self._call_soon(self.flush)
        self._waiting.append(backlog)

    def flush(self) -> None:
        """Write what is waiting, one write a session."""
        waiting, self._waiting = self._waiting, []
        joined, self.joined = self.joined, 0
        FRAMES.inc(sum([backlog.flush() for backlog in waiting]) + joined)


class Backlog:
    """The outgoing side of one session, of at most `max_bytes` as far as `offer` is used."""

    __slots__ = ("_max_bytes", "_outbox", "_pending", "_waiter", "_writer", "paused_at", "size")

    def __init__(self, writer: Writer, outbox: Outbox, max_bytes: int) -> None:
        self._writer = writer
        self._outbox = outbox
        self._max_bytes = max_bytes
        self._pending: list[bytes] | bytes | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.size = 0
        """Bytes that wait for the end of this turn."""
        self.paused_at: float | None = None
        """Since when the peer has not kept up."""

    def offer(self, data: bytes) -> bool:
        """Write at the end of this turn; `False` and nothing where that would pass the bound."""
        size = self.size + len(data)
        waiting = size
        if self.paused_at is not None or size + HIGH_WATER_BYTES > self._max_bytes:
            waiting += self._writer.get_write_buffer_size()  # else it is below the high water
        if waiting > self._max_bytes:
            return False
        self.size = size
        pending = self._pending
        if pending is None:
            self._pending = data
            self._outbox.add(self)
        elif isinstance(pending, list):
            pending.append(data)
        else:
            self._pending = [pending, data]
        return True

    def offer_run(self, data: bytes, frames: int) -> bool:
        """As `offer`, for so many frames that are joined already."""
        is_taken = self.offer(data)
        self._outbox.joined += frames - 1 if is_taken else 0
        return is_taken

    def push(self, data: bytes) -> None:
        """As `offer`, whatever the bound: for the last word, and for replays, which wait."""
        if self._pending is None:
            self._outbox.add(self)
            self._pending = [data]
        elif isinstance(self._pending, list):
            self._pending.append(data)
        else:
            self._pending = [self._pending, data]
        self.size += len(data)

    def flush(self) -> int:
        """Hand what is pending to the transport; how many pieces that were."""
        pending = self._pending
        if pending is None:
            return 0
        self._pending = None
        self.size = 0
        if isinstance(pending, list):
            self._writer.write(b"".join(pending))
            return len(pending)
        self._writer.write(pending)
        return 1

    def lose(self) -> None:
        """The connection is gone: forget what is pending and whatever is pushed later."""
        self._writer = GONE
        self._pending = None
        self.size = 0

    def pause(self, now: float) -> None:
        """The transport's buffer is past its high-water mark."""
        self.paused_at = now

    def resume(self) -> None:
        """The transport's buffer is below its low-water mark, or the session ends."""
        self.paused_at = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def drained(self) -> None:
        """Flush, then wait while the peer does not keep up. One waiter at a time."""
        self.flush()
        if self.paused_at is not None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
