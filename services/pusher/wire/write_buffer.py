"""The pending output of one session, bounded in bytes.

Where nothing is pending, `fanout` writes a frame directly to `open_fd`, past the transport.
Everything else is joined and written at the end of the event loop's iteration. The rest of a
partial write goes to the transport, which reports when its buffer exceeds the high-water mark and
when it falls below the low one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

import structlog

from services.pusher.metrics import FRAMES

log = structlog.get_logger("clarion.pusher")

HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024
NO_FD = -1
"""No file descriptor: everything goes through the writer."""


class Writer(Protocol):
    """The part of a transport that a write buffer needs."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def abort(self) -> None: ...


class DiscardingWriter:
    """For a lost connection, whose uvloop transport would raise."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pass


DISCARDING_WRITER = DiscardingWriter()


class FlushQueue:
    """Non-empty write buffers, flushed at the end of the event loop's iteration."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: list[WriteBuffer] = []

    def add(self, buffer: WriteBuffer) -> None:
        """Flush this buffer with the others."""
        if not self._waiting:
            self._call_soon(self.flush)
        self._waiting.append(buffer)

    def flush(self) -> None:
        """One write per session."""
        waiting, self._waiting = self._waiting, []
        for backlog in waiting:
            backlog.flush()


class WriteBuffer:
    """Of at most `max_bytes`, except by `push`.

    `fd` is the socket under the writer, if it takes plain bytes. It is not used after `detach`: a
    transport closes it only once the connection is lost.
    """

    __slots__ = (
        "_fd",
        "_flush_queue",
        "_max_bytes",
        "_pending",
        "_waiter",
        "_writer",
        "open_fd",
        "paused_at",
        "size",
    )

    def __init__(
        self, writer: Writer, flush_queue: FlushQueue, max_bytes: int, fd: int = NO_FD
    ) -> None:
        self._writer = writer
        self._flush_queue = flush_queue
        self._max_bytes = max_bytes
        self._fd = fd
        self.open_fd = fd
        """`fd` while nothing is pending, here or in the transport; else `NO_FD`."""
        self._pending: list[bytes] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.size = 0
        """Pending bytes."""
        self.paused_at: float | None = None
        """When the peer stopped keeping up."""

    def offer(self, data: bytes, frames: int = 1) -> bool:
        """Write at the end of this iteration; `False` and nothing where it exceeds the bound."""
        size = self.size + len(data)
        waiting = size
        if self.paused_at is not None or size + HIGH_WATER_BYTES > self._max_bytes:
            # Else the transport is below its high-water mark, which is counted already
            waiting += self._writer.get_write_buffer_size()
        if waiting > self._max_bytes:
            return False
        self.push(data, frames)
        return True

    def push(self, data: bytes, frames: int = 1) -> None:
        """As `offer`, without the bound: for close frames, and for replays, which wait."""
        self.open_fd = NO_FD
        if self._pending is None:
            self._pending = [data]
            self._flush_queue.add(self)
        else:
            self._pending.append(data)
        self.size += len(data)
        FRAMES.written += frames

    def flush(self) -> None:
        """Write the pending data."""
        pending = self._pending
        if pending is None:
            return
        self._pending = None
        self.size = 0
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        if self._fd == NO_FD or self._writer.get_write_buffer_size():
            self._hand_over(data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            size = os.write(self._fd, data)
        except OSError:
            size = 0  # the transport waits for room, or fails with the same error
        if size < len(data):
            self.write_rest(data[size:])
        else:
            self.open_fd = self._fd

    def write_rest(self, data: bytes) -> None:
        """Hand the rest of a partial write to the transport, before anything pending."""
        self.open_fd = NO_FD
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        # An error leaves a hole in this stream, so it must end this connection, but no other
        try:
            self._writer.write(data)
        except Exception:
            log.exception("write_failed")
            self._writer.abort()

    def detach(self) -> None:
        """The connection is lost: discard everything pending and everything later."""
        self._writer = DISCARDING_WRITER
        self._fd = self.open_fd = NO_FD
        self._pending = None
        self.size = 0

    def pause(self, now: float) -> None:
        """The transport's buffer exceeds its high-water mark."""
        self.paused_at = now

    def resume(self) -> None:
        """The transport's buffer is below its low-water mark, or the session ends."""
        self.paused_at = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def drained(self) -> None:
        """Flush, then wait until the peer keeps up. One waiter at a time."""
        self.flush()
        if self.paused_at is not None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
