"""The innermost loop: frames that came together, to every session that can take its own at once.

A frame costs what the system call costs, and little more: sessions are asked in one loop, without
a call for each, and the system calls follow one another from within C. A peer that is sent the
next frame before it has read the last need not be woken for it, and to wake one costs more than
all that is done here (`bench/writing.py`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from services.pusher.backlog import NO_FD, Backlog
from services.pusher.listener import Listener
from services.pusher.metrics import FRAMES
from services.pusher.states import Stage

ALWAYS_FITS_BYTES = 64 * 1024
"""No backlog has a lower bound: what is longer has to be offered."""

LIVE = Stage.LIVE


class FanOut:
    """What leaves together: at most one write a session. Nothing else may be done with a backlog
    between `give` and `write` but to push to it."""

    def __init__(self) -> None:
        self._backlogs: list[Backlog] = []
        self._fds: list[int] = []
        self._writes: list[bytes] = []
        self._frames = 0

    def give(
        self, listeners: Sequence[Listener], first: int, data: bytes, count: int = 1
    ) -> Sequence[Listener]:
        """Those who are live, have all before the version `first`, and have nothing waiting get
        `count` frames in `data`. The others are returned: to them it has to be offered."""
        if len(data) > ALWAYS_FITS_BYTES:
            return listeners
        before, last = first - 1, first - 1 + count
        others: list[Listener] = []
        for listener in listeners:
            backlog = listener.backlog
            fd = backlog.open_fd
            if fd != NO_FD and listener.version == before and listener.stage is LIVE:
                listener.version = last
                self._backlogs.append(backlog)
                self._fds.append(fd)
                self._writes.append(data)
            else:
                others.append(listener)
        self._frames += count * (len(listeners) - len(others))
        return others

    def write(self) -> None:
        """One system call each. What a socket does not take is left to its transport."""
        fds, writes = self._fds, self._writes
        taken: list[int] = []
        while (done := len(taken)) < len(fds):
            try:
                taken.extend(map(os.write, fds[done:], writes[done:]))
            except OSError:
                taken.append(0)  # the transport waits for room, or finds the same error and ends
        if taken != list(map(len, writes)):
            for backlog, data, size in zip(self._backlogs, writes, taken, strict=True):
                if size < len(data):
                    backlog.leave(data[size:])
        FRAMES.written += self._frames
