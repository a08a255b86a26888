"""What leaves a session's backlog: in order, whole, and on no socket but its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from services.pusher.backlog import NO_FD, Backlog, Outbox
from services.pusher.metrics import FRAMES
from services.pusher.socket import plain_fd

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

    def empty(self) -> None:
        buffer, self.buffer = self.buffer, b""
        self._under.sendall(buffer)


class Line:
    """A backlog above one end of a socket pair."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near, self.far = near, far
        self.soon: list[Callable[[], None]] = []
        self.transport = Transport(near)
        outbox = Outbox(self.soon.append)
        self.backlog = Backlog(self.transport, outbox, MAX_BYTES, near.fileno())

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
        """Give frames until the socket takes no more; how many bytes that were."""
        given = 0
        while not self.transport.buffer:
            assert self.backlog.give(b"x" * 10_000)
            given += 10_000
        return given


@pytest.fixture
def line() -> Iterator[Line]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield Line(near, far)


def test_a_frame_leaves_at_once_where_nothing_waits(line: Line) -> None:
    assert line.backlog.give(b"frame")
    assert (line.read(), line.transport.buffer, line.soon) == (b"frame", b"", [])


def test_a_frame_stays_behind_what_waits_for_the_end_of_the_turn(line: Line) -> None:
    assert line.backlog.offer(b"answer ")
    assert line.backlog.give(b"frame ")
    assert line.read() == b""
    line.end_turn()
    assert line.backlog.give(b"next")
    assert line.read() == b"answer frame next"


def test_what_a_full_socket_does_not_take_is_the_transports(line: Line) -> None:
    given = line.fill()
    assert line.backlog.give(b"after")
    line.end_turn()
    arrived = line.read()
    assert arrived + line.transport.buffer == b"x" * given + b"after"
    line.transport.empty()
    line.read()
    assert line.backlog.give(b"joined ")
    line.end_turn()
    assert line.backlog.give(b"at once")
    assert line.read() == b"joined at once"


def test_past_the_bound_nothing_is_taken(line: Line) -> None:
    assert not line.backlog.give(b"x" * (MAX_BYTES + 1))
    assert (line.read(), line.transport.buffer, line.soon) == (b"", b"", [])


def test_a_lost_connection_writes_to_no_descriptor(line: Line) -> None:
    descriptor = line.near.fileno()
    reader, writer = os.pipe()
    line.backlog.lose()
    line.near.close()
    os.dup2(writer, descriptor)  # as the next connection would have it
    line.backlog.give(b"to nobody")
    line.backlog.push(b"to nobody")
    line.end_turn()
    os.close(writer)
    os.close(descriptor)
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_peer_that_has_left_is_the_transports_to_find(line: Line) -> None:
    line.far.close()
    assert line.backlog.give(b"frame")
    assert line.transport.buffer == b"frame"


def test_every_frame_is_counted_once_however_it_leaves(line: Line) -> None:
    before = FRAMES.written
    line.backlog.give(b"1")
    line.backlog.give(b"23", 2)
    line.backlog.offer(b"4")
    line.backlog.give(b"5")
    line.backlog.push(b"6")
    line.end_turn()
    assert FRAMES.written - before == 6


@pytest.mark.parametrize("is_tls", [True, False])
def test_under_tls_only_the_transport_writes(line: Line, is_tls: bool) -> None:
    class Known:
        def get_extra_info(self, name: str) -> object:
            return {"socket": line.near, "sslcontext": object() if is_tls else None}[name]

    found = plain_fd(Known())  # pyright: ignore[reportArgumentType] # as much as it asks for
    assert found == (NO_FD if is_tls else line.near.fileno())
