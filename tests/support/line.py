"""A listener of a feed above one end of a socket pair, for what has to arrive at the other."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Self

from clarion.contracts.revocation import Revocation
from services.pusher.feed.fanout import FanOut
from services.pusher.feed.states import Stage
from services.pusher.wire.write_buffer import NO_FD, FlushQueue, WriteBuffer

MAX_BYTES = 1_000_000


class Transport:
    """Keeps what the socket did not take, until it is told to write it."""

    def __init__(self, under: socket.socket) -> None:
        self.buffer = b""
        self._under = under

    def write(self, data: bytes) -> None:
        self.buffer += data

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def abort(self) -> None:
        raise AssertionError

    def empty(self) -> None:
        """Write it all, whatever the socket has room for."""
        buffer, self.buffer = self.buffer, b""
        self._under.sendall(buffer)


class Line:
    """A live session, as `services.pusher.feed.listener.Listener`: what it is offered goes to its
    backlog. It is written past its transport where it is `plain`."""

    def __init__(self, version: int = 0, *, plain: bool = True) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.soon: list[Callable[[], None]] = []
        self.transport = Transport(self.near)
        fd = self.near.fileno() if plain else NO_FD
        self.write_buffer = WriteBuffer(self.transport, FlushQueue(self.soon.append), MAX_BYTES, fd)
        self.stage = Stage.LIVE
        self.version = version

    def offer(self, version: int, frame: bytes) -> None:
        assert self.write_buffer.offer(frame)
        self.version = version

    def accept(self, first: int, joined: bytes, count: int) -> bool:
        assert self.write_buffer.offer(joined, count)
        self.version = first + count - 1
        return True

    def on_overtaken(self, version: int) -> None:
        raise AssertionError(version)

    def on_history_changed(self) -> None:
        raise AssertionError

    def on_revoked(self, revocation: Revocation) -> None:
        raise AssertionError(revocation)

    def deliver(self, data: bytes, count: int = 1) -> None:
        """Frames that follow, as a hub passes them on."""
        fan_out = FanOut()
        for one in fan_out.add_run([self], self.version + 1, data, count):
            one.accept(self.version + 1, data, count)
        fan_out.write()

    def end_turn(self) -> None:
        """What the event loop does at the end of its turn."""
        while self.soon:
            self.soon.pop(0)()

    def read(self) -> bytes:
        """What has arrived at the far end."""
        arrived = b""
        try:
            while data := self.far.recv(1 << 16):
                arrived += data
        except BlockingIOError:
            pass
        return arrived

    def fill(self) -> int:
        """Pass frames on until the socket takes no more; how many bytes that were."""
        given = 0
        while not self.transport.buffer:
            self.deliver(b"x" * 10_000)
            given += 10_000
        return given

    def close(self) -> None:
        """Both ends."""
        self.near.close()
        self.far.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
