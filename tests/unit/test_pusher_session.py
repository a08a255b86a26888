"""The states of a session, its backlog, and the timer wheel."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from clarion.contracts.revocation import Revocation
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.token_bucket import Bucket
from services.pusher.feed.hub import Hub
from services.pusher.feed.states import (
    LINK_MOVES,
    STAGE_MOVES,
    IllegalTransition,
    Link,
    Stage,
    moved,
)
from services.pusher.session.client_frames import read_frame
from services.pusher.session.replay_buffer import ReplayBuffer
from services.pusher.session.session import Session
from services.pusher.session.timer_wheel import NO_TICK, TimerWheel
from services.pusher.wire.close_codes import GOING_AWAY
from services.pusher.wire.write_buffer import FlushQueue, WriteBuffer

LIMIT = 100
TOKEN = SubscriberToken("t", "s", issued_at=1000.0, expires_at=9000.0, jti="one", publish=())


class Transport:
    """A transport and a socket that only remember."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffered = 0
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def half_close(self) -> None:
        self.ended = "half"

    def abort(self) -> None:
        self.ended = "aborted"

    def resume_reading(self) -> None: ...


class Handle:
    def cancel(self) -> None: ...


class Process:
    """A process with a clock of its own."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.hub = Hub(lambda _: None)
        self.timer_wheel = TimerWheel(self.clock, lambda _when, _call: Handle())
        self.heartbeat_s = 25.0
        self.max_backlog_bytes = LIMIT
        self.resumed: list[str] = []
        self.ended: list[Session] = []
        self.soon: list[Callable[[], None]] = []

    def clock(self) -> float:
        return self.time

    def resume(self, session: Session, cause: str) -> None:
        self.resumed.append(cause)

    def on_session_closed(self, session: Session) -> None:
        self.ended.append(session)

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.timer_wheel.advance()
        self.turn()

    def turn(self) -> None:
        """End a turn of the event loop."""
        while self.soon:
            self.soon.pop(0)()


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def session(process: Process, transport: Transport) -> Session:
    flush_queue = FlushQueue(process.soon.append)
    return Session(process, transport, WriteBuffer(transport, flush_queue, LIMIT), Bucket(0, 1), 25)


@pytest.fixture
def live(session: Session, process: Process) -> Session:
    session.authenticate(process.hub.join("t", "s", session), TOKEN, process.time + 3600)
    session.begin_replay()
    assert session.go_live(5) == []
    return session


@pytest.mark.parametrize("moves", [LINK_MOVES, STAGE_MOVES])
def test_illegal_moves_are_named(moves: dict[Link, frozenset[Link]]) -> None:
    for now, then in itertools.product(moves, moves):
        if then in moves[now]:
            assert moved(now, then, moves) is then
        else:
            with pytest.raises(IllegalTransition, match=f"{now.name} cannot become {then.name}"):
                moved(now, then, moves)


def test_a_silent_session_hears_nothing(
    session: Session, process: Process, transport: Transport
) -> None:
    session.offer(1, b"1")
    process.turn()
    assert transport.written == []


def test_live_frames_are_joined_and_written_once(
    live: Session, process: Process, transport: Transport
) -> None:
    for version in (4, 5, 6, 7, 6, 8):
        live.offer(version, str(version).encode())
    process.turn()
    assert transport.written == [b"678"]
    assert live.version == 8


def test_a_lost_connection_costs_its_neighbours_no_frame(
    process: Process, transport: Transport
) -> None:
    class Closed(Transport):
        def write(self, data: bytes) -> None:
            raise RuntimeError("the handler is closed")

    flush_queue = FlushQueue(process.soon.append)
    lost, other = (
        Session(process, one, WriteBuffer(one, flush_queue, LIMIT), Bucket(0, 1), 25)
        for one in (Closed(), transport)
    )
    for session in (lost, other):
        session.authenticate(process.hub.join("t", "s", session), TOKEN, process.time + 3600)
        session.begin_replay()
        session.go_live(5)
        session.offer(6, b"6")
    lost.on_connection_lost()
    lost.write_buffer.push(b"of a replay that had not heard of it")
    process.turn()
    assert transport.written == [b"6"]


def test_a_gap_within_a_session_is_read_from_the_store(live: Session, process: Process) -> None:
    live.offer(7, b"7")
    assert (live.version, process.resumed) == (5, ["gap"])


def test_frames_kept_in_a_replay_follow_it(
    session: Session, process: Process, transport: Transport
) -> None:
    session.authenticate(process.hub.join("t", "s", session), TOKEN, process.time + 3600)
    session.begin_replay()
    for version in (9, 3, 4, 5, 6):
        session.offer(version, str(version).encode())
    assert session.go_live(4) == [(9, b"9")]
    process.turn()
    assert transport.written == [b"56"]
    assert session.version == 6


def test_a_run_is_taken_whole_or_left_to_be_offered_one_by_one(
    live: Session, process: Process, transport: Transport
) -> None:
    taken = [
        live.accept(first, joined, 2)
        for first, joined in ((5, b"56"), (6, b"67"), (8, b"x" * LIMIT), (8, b"89"))
    ]
    process.turn()
    assert (taken, live.version, transport.written) == ([False, True, False, True], 9, [b"6789"])


def test_past_its_bound_a_session_is_behind_until_it_can_write(
    live: Session, process: Process, transport: Transport
) -> None:
    live.on_writing_paused()
    transport.buffered = 90
    live.offer(6, b"x" * 10)
    live.offer(7, b"x" * 10)
    process.turn()
    assert (live.stage, live.version, len(transport.written)) == (Stage.LAGGING, 6, 1)
    assert process.resumed == []
    live.on_writing_resumed()
    assert process.resumed == ["slow"]


def test_a_burst_past_the_bound_is_read_again_from_the_store(
    live: Session, process: Process
) -> None:
    live.offer(6, b"x" * 101)
    assert (live.stage, live.version, process.resumed) == (Stage.LAGGING, 5, ["slow"])


def test_pings_come_every_heartbeat_and_silence_is_cut(
    live: Session, process: Process, transport: Transport
) -> None:
    process.pass_time(26)
    assert transport.written == [b"\x89\x00"]
    live.deadlines.on_received(process.time)
    process.pass_time(26)
    assert transport.written == [b"\x89\x00"] * 2
    process.pass_time(26)
    assert transport.ended == "aborted"


def test_expiry_closes(live: Session, process: Process, transport: Transport) -> None:
    live.renew_token(TOKEN, process.time + 10)
    process.pass_time(10.2)
    assert transport.written[-1][2:4] == (4401).to_bytes(2, "big")
    assert live.link is Link.CLOSING
    assert process.hub.feeds == {}
    process.pass_time(5.2)
    assert transport.ended == "aborted"


@pytest.mark.parametrize(
    ("jti", "issued_before", "ends"),
    [
        (None, 1000.0, False),
        (None, 1000.000001, True),
        ("one", 0.0, True),
        ("other", 0.0, False),
    ],
)
def test_a_session_ends_when_its_token_is_revoked(
    live: Session,
    process: Process,
    transport: Transport,
    jti: str | None,
    issued_before: float,
    ends: bool,
) -> None:
    process.hub.revoke(Revocation(1, "t", "other", jti, issued_before, 9e9))
    assert live.is_open
    process.hub.revoke(Revocation(1, "t", "s", jti, issued_before, 9e9))
    assert live.is_open is not ends
    assert [one[4:] for one in transport.written] == [b"token_revoked"] * ends


def test_after_a_close_nothing_is_written(
    live: Session, process: Process, transport: Transport
) -> None:
    live.close_after(0, GOING_AWAY)
    process.pass_time(0.2)
    count = len(transport.written)
    live.offer(6, b"6")
    live.write(b"more")
    process.turn()
    assert len(transport.written) == count
    live.on_connection_lost()
    assert (live.link, process.ended, live.tick) == (Link.CLOSED, [live], NO_TICK)
    live.on_connection_lost()
    assert process.ended == [live]


def test_kept_frames_are_bounded() -> None:
    kept = ReplayBuffer(10)
    kept.add(2, b"x" * 5)
    kept.add(1, b"x" * 5)
    assert kept.reaches(0, 2)
    assert [one for one, _ in kept.in_order()] == [1, 2]
    kept.add(3, b"x")
    assert kept.overflowed
    assert kept.in_order() == []
    kept.clear()
    kept.add(4, b"x")
    assert not kept.reaches(2, 4)


def test_a_bucket_fills_with_time() -> None:
    bucket = Bucket(0, 2)
    assert [bucket.take(0, 1, 2) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1.5, 1, 2) for _ in range(2)] == [True, False]
    assert [bucket.take(99, 1, 2) for _ in range(3)] == [True, True, False]


class Timed:
    def __init__(self) -> None:
        self.tick = NO_TICK
        self.called: list[float] = []

    def on_deadline(self, now: float) -> None:
        self.called.append(now)


def test_the_wheel_calls_once_and_never_early(process: Process) -> None:
    one, other, moved_away = Timed(), Timed(), Timed()
    process.timer_wheel.set(one, 1001.0)
    process.timer_wheel.set(other, 1002.0)
    process.timer_wheel.set(moved_away, 1001.0)
    process.timer_wheel.set(moved_away, 1003.0)
    for _ in range(5):
        process.pass_time(0.5)
    process.timer_wheel.cancel(moved_away)
    process.pass_time(9)
    assert (one.called, other.called, moved_away.called) == ([1001.0], [1002.0], [])


def test_huge_numbers_are_no_frame() -> None:
    frame = read_frame(b'{"type":"ping","ref":' + b"9" * 5000 + b"}")
    assert getattr(frame, "code", None) in ("malformed", "invalid")
