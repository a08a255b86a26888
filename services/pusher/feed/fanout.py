"""The innermost loop: writes a batch of frames to every session that is ready for its own.

A frame costs little more than its system call: the loop makes no call per session, and the system
calls follow one another from within C. Back-to-back writes also save wake-ups of the peers, which
would cost more than everything here (`bench/measures/writing.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from clarion.contracts.announcement import FeedFrame
from services.pusher.feed.feed import Feed
from services.pusher.feed.listener import Listener
from services.pusher.feed.states import Stage
from services.pusher.metrics import FRAMES
from services.pusher.settings import MIN_BACKLOG_BYTES
from services.pusher.wire.frames import text
from services.pusher.wire.write_buffer import NO_FD, WriteBuffer

LIVE = Stage.LIVE


class FanOut:
    """At most one write per session, for sessions that are live, up to date and have nothing
    pending. Until `write`, their buffers accept nothing but `push`."""

    def __init__(self) -> None:
        self._buffers: list[WriteBuffer] = []
        self._fds: list[int] = []
        self._writes: list[bytes] = []
        self._joined = 0
        self._add = self._buffers.append, self._fds.append, self._writes.append

    def add_each(
        self, feeds: Mapping[str, Feed], announced: Sequence[FeedFrame]
    ) -> list[FeedFrame]:
        """At most one frame per feed. Returns those that are not the next of their feed, or may not
        fit into a write buffer."""
        others: list[FeedFrame] = []
        add_backlog, add_fd, add_write = self._add
        for announcement in announced:
            feed = feeds.get(announcement.feed)
            if feed is None:
                continue
            version = announcement.version
            before = version - 1
            frame = text(announcement.body)
            if len(frame) > MIN_BACKLOG_BYTES or not feed.advance(version):
                others.append(announcement)
                continue
            for listener in feed.listeners:
                backlog = listener.write_buffer
                fd = backlog.open_fd
                # As `Listener.accept`, inlined: a call would cost more than everything else here
                if fd != NO_FD and listener.version == before and listener.stage is LIVE:
                    listener.version = version
                    add_backlog(backlog)
                    add_fd(fd)
                    add_write(frame)
                else:
                    listener.offer(version, frame)
        return others

    def add_run(
        self, listeners: Sequence[Listener], first: int, joined: bytes, count: int
    ) -> Sequence[Listener]:
        """`count` frames with the versions from `first` on. Returns the listeners that are not
        ready: offer the frames to them."""
        if len(joined) > MIN_BACKLOG_BYTES:
            return listeners
        others: list[Listener] = []
        add_backlog, add_fd, add_write = self._add
        for listener in listeners:
            backlog = listener.write_buffer
            fd = backlog.open_fd
            # As `Listener.accept`, inlined here too
            if fd != NO_FD and listener.version == first - 1 and listener.stage is LIVE:
                listener.version += count
                add_backlog(backlog)
                add_fd(fd)
                add_write(joined)
                self._joined += count - 1
            else:
                others.append(listener)
        return others

    def write(self) -> None:
        """One system call each; the transport gets the rest of a partial write."""
        writes = self._writes
        writing = map(os.write, self._fds, writes)
        taken: list[int] = []
        while len(taken) < len(writes):
            try:
                taken.extend(writing)
            except OSError:
                taken.append(0)  # the transport waits for room, or fails with the same error
        if taken != list(map(len, writes)):
            for backlog, data, size in zip(self._buffers, writes, taken, strict=True):
                if size < len(data):
                    backlog.write_rest(data[size:])
        FRAMES.written += len(writes) + self._joined
