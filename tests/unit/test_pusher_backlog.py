"""What leaves for a session: in order, whole, and on no socket but its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from services.pusher.feed.fanout import FanOut
from services.pusher.feed.states import Stage
from services.pusher.metrics import FRAMES
from services.pusher.settings import MIN_BACKLOG_BYTES
from services.pusher.sockets.websocket import plain_fd
from services.pusher.wire.write_buffer import NO_FD, FlushQueue, WriteBuffer
from tests.support.line import MAX_BYTES, Line


@pytest.fixture
def line() -> Iterator[Line]:
    with Line() as line:
        yield line


def test_a_frame_leaves_at_once_where_nothing_waits(line: Line) -> None:
    line.deliver(b"frame")
    assert (line.read(), line.transport.buffer, line.soon) == (b"frame", b"", [])


def test_a_frame_stays_behind_what_waits_for_the_end_of_the_turn(line: Line) -> None:
    assert line.write_buffer.offer(b"answer ")
    line.deliver(b"frame ")
    assert line.read() == b""
    line.end_turn()
    line.deliver(b"next")
    assert line.read() == b"answer frame next"


def test_what_a_full_socket_does_not_take_is_the_transports(line: Line) -> None:
    given = line.fill()
    line.deliver(b"after")
    line.end_turn()
    arrived = line.read()
    assert arrived + line.transport.buffer == b"x" * given + b"after"
    line.transport.empty()
    line.read()
    line.deliver(b"joined ")
    line.end_turn()
    line.deliver(b"at once")
    assert line.read() == b"joined at once"


def test_past_the_bound_nothing_is_taken(line: Line) -> None:
    assert not line.write_buffer.offer(b"x" * (MAX_BYTES + 1))
    assert (line.read(), line.transport.buffer, line.soon) == (b"", b"", [])


def test_what_may_not_fit_is_offered(line: Line) -> None:
    line.deliver(b"x" * (MIN_BACKLOG_BYTES + 1))
    assert (line.read(), line.write_buffer.size) == (b"", MIN_BACKLOG_BYTES + 1)


def test_a_frame_passes_none_that_went_to_the_transport_or_waits(line: Line) -> None:
    """A socket that is full takes nothing; then it has room again, before its transport wrote."""
    given = line.fill()
    line.write_buffer.push(b"pending ")
    arrived = line.read()
    line.deliver(b"frame")
    line.end_turn()
    arrived += line.read()
    assert arrived + line.transport.buffer == b"x" * given + b"pending frame"


def test_one_that_takes_nothing_or_is_gone_costs_its_neighbours_no_frame() -> None:
    lines = [Line() for _ in range(5)]
    full, gone, behind = lines[1:4]
    with suppress(BlockingIOError):
        while True:
            full.near.send(b"x" * 10_000)
    gone.far.close()
    behind.stage = Stage.LAGGING
    fan_out = FanOut()
    assert fan_out.add_run(lines, 1, b"frame", 1) == [behind]
    fan_out.write()
    assert [line.version for line in lines] == [1, 1, 1, 0, 1]
    assert [line.transport.buffer for line in lines] == [b"", b"frame", b"frame", b"", b""]
    assert [line.read() for line in (lines[0], lines[4])] == [b"frame"] * 2
    for line in lines:
        line.close()


def test_a_lost_connection_writes_to_no_descriptor(line: Line) -> None:
    descriptor = line.near.fileno()
    reader, writer = os.pipe()
    line.write_buffer.detach()
    line.near.close()
    os.dup2(writer, descriptor)  # as the next connection would have it
    line.deliver(b"to nobody")
    line.write_buffer.push(b"to nobody")
    line.end_turn()
    os.close(writer)
    os.close(descriptor)
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_peer_that_has_left_is_the_transports_to_find(line: Line) -> None:
    line.far.close()
    line.deliver(b"frame")
    assert line.transport.buffer == b"frame"


def test_every_frame_is_counted_once_however_it_leaves(line: Line) -> None:
    before = FRAMES.written
    line.deliver(b"1")
    line.deliver(b"23", 2)
    line.write_buffer.offer(b"4")
    line.deliver(b"5")
    line.write_buffer.push(b"6")
    line.end_turn()
    assert FRAMES.written - before == 6


@pytest.mark.parametrize("is_tls", [True, False])
def test_under_tls_only_the_transport_writes(line: Line, is_tls: bool) -> None:
    class Known:
        def get_extra_info(self, name: str) -> object:
            return {"socket": line.near, "sslcontext": object() if is_tls else None}[name]

    found = plain_fd(Known())  # pyright: ignore[reportArgumentType] # as much as it asks for
    assert found == (NO_FD if is_tls else line.near.fileno())


class Broken:
    """A writer that fails, as a transport does that was closed from elsewhere."""

    def __init__(self) -> None:
        self.aborted = False

    def write(self, data: bytes) -> None:
        raise RuntimeError("the handler is closed")

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True


def test_a_write_that_fails_ends_its_connection_and_the_others_are_flushed(line: Line) -> None:
    soon: list[Callable[[], None]] = []
    outbox, broken = FlushQueue(soon.append), Broken()
    first = WriteBuffer(broken, outbox, MAX_BYTES)
    second = WriteBuffer(line.transport, outbox, MAX_BYTES)
    first.push(b"lost")
    second.push(b"kept")
    soon[0]()
    assert (broken.aborted, line.transport.buffer) == (True, b"kept")


def test_a_socket_that_fails_with_a_frame_of_many_leaves_the_others_whole(line: Line) -> None:
    broken = Broken()
    line.fill()
    with Line(line.version) as full:
        full.fill()
        full.version = line.version
        full.write_buffer._writer = broken  # pyright: ignore[reportPrivateUsage]
        for one in (full, line):
            one.transport.buffer = b""
            one.write_buffer.open_fd = one.near.fileno()
        fan_out = FanOut()
        assert fan_out.add_run([full, line], line.version + 1, b"frame", 1) == []
        fan_out.write()
    assert (broken.aborted, line.transport.buffer) == (True, b"frame")
