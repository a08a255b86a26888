"""What the benchmarks make of what they saw."""

from __future__ import annotations

import json

import pytest

from bench.lib.percentiles import percentile
from bench.lib.results import DURABILITY, describe
from bench.loads.arrivals import Arrivals
from bench.loads.feed import Feed
from bench.loads.marks import event, news
from bench.loads.open_loop import Load
from bench.loads.posts import Answers
from bench.loads.websocket import TEXT


def sent(count: int, first: int = 0) -> Arrivals:
    """So many events, one a second, each for a session of its own."""
    arrivals = Arrivals(first)
    for place in range(count):
        assert arrivals.expect(f"user-{place}", float(place)) == first + place
    return arrivals


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([5.0], 50, 5.0), ([5.0], 99, 5.0), ([*range(100)], 50, 50), ([*range(1000)], 99, 990)],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], percent: int, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_an_event_arrives_once() -> None:
    arrivals = sent(2)
    arrivals.arrive(1, "user-1", 0.25)
    arrivals.arrive(1, "user-1", 9.0)
    assert (arrivals.arrived, arrivals.doubled, arrivals.missing) == (1, 1, 1)
    assert arrivals.latencies_s(now=10.0) == [0.25, 10.0]


def test_a_frame_at_anothers_socket_is_no_arrival() -> None:
    arrivals = sent(2)
    arrivals.arrive(1, "user-0", 0.25)
    assert (arrivals.arrived, arrivals.strayed) == (0, 1)


def test_what_did_not_arrive_counts_with_its_age() -> None:
    assert sent(3).latencies_s(now=12.0) == [10.0, 11.0, 12.0]


def test_frames_of_an_earlier_load_are_passed_over() -> None:
    arrivals = sent(2, first=sent(5).after)
    arrivals.arrive(4, "user-4", 0.25)
    arrivals.arrive(7, "user-0", 0.25)
    assert (arrivals.arrived, arrivals.doubled, arrivals.strayed) == (0, 0, 0)


def test_a_load_is_drawn_the_same_each_time_and_has_its_rate() -> None:
    load = Load(rate=500, seconds=20)
    offsets = list(load.offsets())
    assert offsets == sorted(load.offsets())
    assert len(offsets) == pytest.approx(10_000, rel=0.05)
    assert 0 < offsets[0] < offsets[-1] < 20


def test_an_answer_is_complete_with_its_body() -> None:
    answers = Answers()
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
    assert [answers.feed(answer[at : at + 1]) for at in range(len(answer))][-2:] == [None, True]
    assert answers.feed(answer.replace(b"202 Accepted", b"503 Unavailable")) is False


@pytest.mark.parametrize("versions", [[1, 3], [1, 1, 2, 3], [2, 1, 3], [1, 2]])
def test_a_feed_with_a_gap_a_double_or_no_end_is_not_exact(versions: list[int]) -> None:
    feed = Feed()
    for version in versions:
        feed.hear(version)
    assert not feed.is_exact(3)


def test_a_feed_with_each_version_once_is_exact() -> None:
    feed = Feed()
    for version in (1, 2, 3):
        feed.hear(version)
    assert feed.is_exact(3)


def frame_of(text: str) -> bytes:
    """As a server sends it, for less than 64 KiB."""
    return bytes((TEXT, 126)) + len(text).to_bytes(2, "big") + text.encode()


def test_a_frame_tells_the_mark_of_its_event() -> None:
    sent_data = json.loads(event(7, 1.5, ["user-3"], padding=200))["data"]
    frame = {"type": "notification", "version": 2, "unread": 2, "item": {"data": sent_data}}
    read = news(frame_of(json.dumps(frame)))
    assert read is not None
    assert (read.version, read.mark.number, read.mark.due_at) == (2, 7, 1.5)
    assert news(frame_of('{"type":"caught_up","version":2}')) is None


def test_the_table_says_whether_commits_were_durable() -> None:
    servers = {"rabbitmq": "4.0.5", "postgresql": "17.2"}
    on = dict.fromkeys(DURABILITY, "on")
    assert describe(servers | on) == (
        "All on RabbitMQ 4.0.5 and PostgreSQL 17.2 "
        "(fsync on, synchronous_commit on, full_page_writes on)."
    )
    assert "NOT DURABLE" in describe(servers | on | {"fsync": "off"})
