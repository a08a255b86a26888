"""Outcomes, states and retries: a closed set, one table, bounded waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.records.deliveries import move
from clarion.rules.delivery_states import SETTLE, State
from clarion.rules.outcomes import (
    Failed,
    Health,
    Outcome,
    Retry,
    Sent,
    Settlement,
    Unknown,
    conclude,
    settle,
    tries_next_provider,
)
from clarion.rules.retry import STEPS_S, delay_s
from services.notifier.providers.twilio import retry_after_s

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

outcomes = st.one_of(
    st.just(Sent()),
    st.builds(Retry, st.just("deferred"), st.none() | st.floats(0, 1e9)),
    st.just(Failed("rejected")),
    st.just(Failed("relay_denied", elsewhere=True)),
    st.just(Unknown("timeout")),
)


def settled(
    outcome: Outcome, *, attempt: int = 1, channel: str = "email", expires_s: float | None = None
) -> Settlement:
    expires_at = None if expires_s is None else NOW + timedelta(seconds=expires_s)
    return settle(
        outcome,
        channel=channel,
        attempt_round=attempt,
        expires_at=expires_at,
        now=NOW,
        random=lambda: 0.5,
    )


@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (Sent("id"), 1, Settlement(State.SENT, None, None)),
        (Failed("rejected"), 1, Settlement(State.FAILED, "rejected", None)),
        (
            Retry("deferred"),
            1,
            Settlement(State.SCHEDULED, "deferred", NOW + timedelta(seconds=10)),
        ),
        (
            Unknown("timeout"),
            2,
            Settlement(State.SCHEDULED, "timeout", NOW + timedelta(minutes=1)),
        ),
        (Retry("deferred"), 9, Settlement(State.DEAD, "deferred", None)),
        (Unknown("timeout"), 9, Settlement(State.DEAD, "timeout", None)),
    ],
)
def test_what_follows_from_an_outcome(outcome: Outcome, attempt: int, expected: Settlement) -> None:
    assert settled(outcome, attempt=attempt) == expected


DENIED, LATER = Failed("relay_denied", "554", "no", elsewhere=True), Retry("deferred")
REFUSED = Failed("address_refused")


@pytest.mark.parametrize(
    ("round_", "asked_all", "expected"),
    [
        ([DENIED], True, DENIED),
        ([DENIED, Failed("helo_refused", elsewhere=True)], True, "helo_refused"),
        ([DENIED], False, Retry("relay_denied", None, "554", "no", Health.WORKS)),
        ([LATER, DENIED], True, LATER),
        ([DENIED, LATER], True, LATER),
        ([DENIED, LATER], False, LATER),
        ([LATER, DENIED, DENIED], False, LATER),
        ([DENIED, REFUSED], False, REFUSED),
        ([LATER, REFUSED], True, REFUSED),
        ([DENIED, Sent()], False, Sent()),
        ([DENIED, Unknown("timeout")], True, Unknown("timeout")),
    ],
)
def test_a_refusal_of_one_provider_fails_only_where_all_were_asked(
    round_: list[Outcome], asked_all: bool, expected: Outcome | str
) -> None:
    outcome = conclude(round_, tried_all=asked_all)
    assert outcome == (
        expected if not isinstance(expected, str) else Failed(expected, elsewhere=True)
    )
    assert [tries_next_provider(one) for one in round_[:-1]] == [True] * (len(round_) - 1)


def test_a_retry_past_the_expiry_is_not_scheduled() -> None:
    settlement = settled(Retry("deferred"), expires_s=9)
    assert settlement == Settlement(State.EXPIRED, "deferred", None)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0, 10), (-1, 10), (15, 15), (1e9, 20), (20, 20)])
def test_retry_after_is_obeyed_between_one_and_two_steps(asked_s: float, waits_s: float) -> None:
    settlement = settled(Retry("rate_limited", asked_s))
    assert settlement.due_at == NOW + timedelta(seconds=waits_s)


@given(
    channel=st.sampled_from(sorted(STEPS_S)),
    attempt=st.integers(1, 20),
    random=st.floats(0, 1),
    after_s=st.none() | st.floats(-1e9, 1e9),
)
def test_every_wait_is_near_its_step_and_the_steps_end(
    channel: str, attempt: int, random: float, after_s: float | None
) -> None:
    wait_s = delay_s(channel, attempt, after_s=after_s, random=lambda: random)
    steps = STEPS_S[channel]
    if attempt > len(steps):
        assert wait_s is None
    else:
        assert wait_s is not None
        step = steps[attempt - 1]
        assert 0.8 * step - 1e-9 <= wait_s <= (1.2 if after_s is None else 2) * step + 1e-9


HEADERS = {
    "0": 1,
    "-1": 1,
    "1.5": 1,
    "15": 1.5,
    "1000000000": 2,
    "9" * 400: 2,
    "Thu, 01 Jan 1970 00:00:00 GMT": 1,
    "Fri, 31 Dec 9999 23:59:59 GMT": 2,
    "Fri, 31 Dec 99999999999999999999 23:59:59 GMT": 1,
    "soon": 1,
    "": 1,
}
"""A provider's `Retry-After` and how many times the step of 10 s follows from it."""


@pytest.mark.parametrize(("value", "steps"), HEADERS.items())
def test_whatever_retry_after_says_the_wait_is_from_one_to_two_steps(
    value: str, steps: float
) -> None:
    asked_s = retry_after_s(value)
    settlement = settled(Retry("rate_limited", 10.0 if asked_s is None else asked_s))
    assert settlement.due_at == NOW + timedelta(seconds=10 * steps)


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+ GMT"))
def test_no_retry_after_breaks_an_attempt(value: str) -> None:
    asked_s = retry_after_s(value)
    assert asked_s is None or asked_s >= 0


@given(
    channel=st.sampled_from(sorted(STEPS_S)),
    life=st.lists(st.tuples(outcomes, st.floats(0, 1)), min_size=12, max_size=12),
    expires_s=st.none() | st.floats(1, 200_000),
)
def test_a_life_of_attempts_ends_within_its_steps_and_never_after_its_expiry(
    channel: str, life: list[tuple[Outcome, float]], expires_s: float | None
) -> None:
    clock, tried, state = NOW, 0, State.SENDING
    expires_at = None if expires_s is None else NOW + timedelta(seconds=expires_s)
    for outcome, random in life:
        tried += 1
        settlement = settle(
            outcome,
            channel=channel,
            attempt_round=tried,
            expires_at=expires_at,
            now=clock,
            random=lambda one=random: one,
        )
        state = settlement.state
        if settlement.due_at is None:
            break
        assert clock < settlement.due_at
        assert expires_at is None or settlement.due_at < expires_at
        clock = settlement.due_at
    assert state in {State.SENT, State.FAILED, State.DEAD, State.EXPIRED}
    assert tried <= len(STEPS_S[channel]) + 1
    assert clock - NOW <= timedelta(seconds=2 * sum(STEPS_S[channel]))


@given(outcome=outcomes, attempt=st.integers(1, 12), channel=st.sampled_from(["email", "sms"]))
def test_every_settlement_is_a_legal_move(outcome: Outcome, attempt: int, channel: str) -> None:
    settlement = settled(outcome, attempt=attempt, channel=channel)
    assert move(SETTLE, State.SENDING, settlement.state) is settlement.state
    assert (settlement.due_at is not None) == (settlement.state is State.SCHEDULED)
