"""The innermost loop: frames that came together, to every session that can take its own at once.

A frame costs what the system call costs, and little more: sessions are asked in one loop, without
a call for each, and the system calls follow one another from within C. A peer that is sent the
next frame before it has read the last need not be woken for it, and to wake one costs more than
all that is done here (`bench/measures/writing.py`).
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
    """What leaves together: at most one write a session, for those who are live, have all before,
    and have nothing waiting. Until `write` nothing else may be done with their backlogs but to
    push to them."""

    def __init__(self) -> None:
        self._buffers: list[WriteBuffer] = []
        self._fds: list[int] = []
        self._writes: list[bytes] = []
        self._joined = 0
        self._add = self._buffers.append, self._fds.append, self._writes.append

    def add_each(
        self, feeds: Mapping[str, Feed], announced: Sequence[FeedFrame]
    ) -> list[FeedFrame]:
        """A frame at most to each feed. Those that do not follow what their feed has passed on
        are returned, and those that may be longer than a backlog."""
        others: list[FeedFrame] = []
        add_backlog, add_fd, add_write = self._add
        for announcement in announced:
            feed = feeds.get(announcement.feed)
            if feed is None:
                continue
            version = announcement.version
            before = version - 1
            frame = text(announcement.body)
            if feed.version != before or feed.held or len(frame) > MIN_BACKLOG_BYTES:
                others.append(announcement)
                continue
            feed.version = version
            for listener in feed.listeners:
                backlog = listener.write_buffer
                fd = backlog.open_fd
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
        """`count` frames, with the versions from `first` on. Those who cannot take them at once
        are returned: to them they have to be offered."""
        if len(joined) > MIN_BACKLOG_BYTES:
            return listeners
        others: list[Listener] = []
        add_backlog, add_fd, add_write = self._add
        for listener in listeners:
            backlog = listener.write_buffer
            fd = backlog.open_fd
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
        """One system call each. What a socket does not take is left to its transport."""
        writes = self._writes
        writing = map(os.write, self._fds, writes)
        taken: list[int] = []
        while len(taken) < len(writes):
            try:
                taken.extend(writing)
            except OSError:
                taken.append(0)  # the transport waits for room, or finds the same error and ends
        if taken != list(map(len, writes)):
            for backlog, data, size in zip(self._buffers, writes, taken, strict=True):
                if size < len(data):
                    backlog.write_rest(data[size:])
        FRAMES.written += len(writes) + self._joined
