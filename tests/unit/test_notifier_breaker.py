"""The breaker: it rests what keeps failing, probes alone, and never shuts for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.deliver.delivery_attempts import GRACE_S, lease_time
from services.notifier.providers.circuit_breaker import (
    MAX_REST_S,
    PROBE_CHECK_S,
    Breaker,
    BreakerState,
)
from services.notifier.providers.rates import Rate, parse_rate


def opened(at: float = 0) -> Breaker:
    """A breaker of a provider that failed three times in a row."""
    breaker = Breaker(failures=3, rest_s=5, max_rest_s=15)
    for _ in range(3):
        assert breaker.begin(at)
        breaker.failed(at)
    return breaker


def test_failures_in_a_row_rest_a_provider_and_others_do_not() -> None:
    breaker = Breaker(failures=3, rest_s=5)
    for _ in range(2):
        breaker.failed(0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(0)
    assert (breaker.state, breaker.wait_s(0)) == (BreakerState.CLOSED, 0)
    breaker.failed(1)
    assert (breaker.state, breaker.wait_s(1), breaker.begin(1)) == (BreakerState.OPEN, 5, False)


def test_after_its_rest_one_call_probes_and_its_success_lets_all_through() -> None:
    breaker = opened()
    assert breaker.wait_s(5) == 0
    assert [breaker.begin(5) for _ in range(3)] == [True, False, False]
    assert (breaker.state, breaker.wait_s(5)) == (BreakerState.HALF_OPEN, PROBE_CHECK_S)
    breaker.succeeded()
    assert [breaker.begin(5) for _ in range(3)] == [True, True, True]
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_fails_doubles_the_rest_up_to_its_bound() -> None:
    breaker, now, rests = opened(), 0.0, list[float]()
    for _ in range(3):
        now += breaker.wait_s(now)
        assert breaker.begin(now)
        breaker.failed(now)
        rests.append(breaker.wait_s(now))
    assert rests == [10, 15, 15]


def test_a_probe_that_never_answers_is_followed_by_another() -> None:
    breaker = opened()
    assert breaker.begin(5)
    assert not breaker.begin(9.9)
    assert breaker.begin(10)


def test_failures_of_calls_that_began_before_the_rest_do_not_prolong_it() -> None:
    breaker = opened()
    breaker.failed(4)
    assert breaker.wait_s(4) == 1


def test_a_call_that_says_nothing_moves_nothing_and_is_no_probe() -> None:
    breaker = Breaker(failures=3, rest_s=5)
    for _ in range(2):
        breaker.failed(0)
    breaker.no_signal(0)
    assert breaker.state is BreakerState.CLOSED
    breaker.failed(0)
    breaker.no_signal(1)
    assert (breaker.state, breaker.wait_s(1)) == (BreakerState.OPEN, 4)
    assert breaker.begin(5)
    breaker.no_signal(5)
    assert (breaker.begin(5), breaker.state) == (True, BreakerState.HALF_OPEN)


steps = st.lists(st.sampled_from(["begin", "fail", "succeed", "say nothing", "wait"]), max_size=60)


@given(steps)
def test_whatever_happens_a_call_is_let_through_within_the_longest_rest(taken: list[str]) -> None:
    breaker, now = Breaker(), 0.0
    for step in taken:
        match step:
            case "begin":
                assert breaker.begin(now) or breaker.wait_s(now) > 0
            case "fail":
                breaker.failed(now)
            case "succeed":
                breaker.succeeded()
            case "say nothing":
                breaker.no_signal(now)
            case _:
                now += 1.5
        assert 0 <= breaker.wait_s(now) <= MAX_REST_S
    assert breaker.begin(now + MAX_REST_S)


def test_a_lease_is_longer_than_the_longest_call() -> None:
    for timeout_s in (0.1, 30, 300):
        assert lease_time(timeout_s).total_seconds() > timeout_s + GRACE_S


def test_a_rate_is_a_number_a_second_a_minute_or_an_hour() -> None:
    assert parse_rate("10/s") == Rate(10, 1)
    assert parse_rate("600/m") == Rate(600, 60)
    assert parse_rate("1000/h") == Rate(1000, 3600)
    assert [parse_rate(text) for text in ("", "0/s", "10", "10/d", "-1/s", "1.5/s")] == [None] * 6


def test_a_burst_is_what_one_second_allows() -> None:
    assert [parse_rate(text) for text in ("1/s", "30/m")] == [Rate(1, 1), Rate(30, 60)]
    assert Rate(1, 1).ahead.total_seconds() == Rate(30, 60).ahead.total_seconds() == 0
    assert Rate(10, 1).ahead.total_seconds() == Rate(600, 60).ahead.total_seconds() == 0.9
