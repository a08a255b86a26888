"""How many requests a subscriber may make: counted apart, told exactly, forgotten when full."""

from __future__ import annotations

from typing import Any

import pytest

from clarion.errors import TooMany
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access import token_bucket
from services.pusher.access.quota import NO_LIMIT, SCOPE_KEY, Quota, QuotaStatus
from services.pusher.access.token_bucket import Buckets


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def claims(subscriber: str = "user-1", tenant: str = "acme") -> SubscriberToken:
    return SubscriberToken(
        tenant=tenant, subscriber=subscriber, issued_at=0, expires_at=1, jti=None, publish=()
    )


def charged(quota: Quota, who: SubscriberToken) -> dict[bytes, bytes]:
    """The fields of an answer, whichever it is."""
    scope: dict[str, Any] = {SCOPE_KEY: []}
    try:
        quota.charge(scope, who)
    except TooMany as problem:
        scope[SCOPE_KEY].append((b"retry-after", str(problem.retry_after_s).encode()))
    return dict(scope[SCOPE_KEY])


def test_the_last_request_is_answered_and_the_next_is_refused_until_there_are_more() -> None:
    clock = Clock()
    quota = Quota(3, clock)
    assert [quota.take(claims()).remaining for _ in range(3)] == [2, 1, 0]
    assert quota.take(claims()) == QuotaStatus(is_allowed=False, remaining=0, more_after_s=20)
    clock.now += 19
    assert quota.take(claims()) == QuotaStatus(is_allowed=False, remaining=0, more_after_s=1)
    clock.now += 1.01
    assert quota.take(claims()) == QuotaStatus(is_allowed=True, remaining=0, more_after_s=20)


def test_who_waits_as_long_as_he_is_told_is_let_in() -> None:
    clock = Clock()
    quota = Quota(7, clock)
    for _ in range(100):
        standing = quota.take(claims())
        if not standing.is_allowed:
            clock.now += standing.more_after_s
            assert quota.take(claims()).is_allowed
        clock.now += 0.37


def test_subscribers_and_tenants_count_apart() -> None:
    quota = Quota(1, Clock())
    everybody = [claims(), claims("user-2"), claims(tenant="other")]
    assert [quota.take(one).is_allowed for one in everybody] == [True] * 3
    assert [quota.take(one).is_allowed for one in everybody] == [False] * 3


def test_every_answer_says_what_remains_and_a_refusal_when_to_come_back() -> None:
    quota = Quota(2, Clock())
    policy = {b"ratelimit-policy": b'"subscriber";q=2;w=60'}
    assert charged(quota, claims()) == {b"ratelimit": b'"subscriber";r=1;t=30'} | policy
    assert charged(quota, claims()) == {b"ratelimit": b'"subscriber";r=0;t=30'} | policy
    assert (
        charged(quota, claims())
        == {
            b"ratelimit": b'"subscriber";r=0;t=30',
            b"retry-after": b"30",
        }
        | policy
    )


def test_without_a_limit_nothing_is_counted_or_said() -> None:
    quota = Quota(NO_LIMIT, Clock())
    assert [charged(quota, claims()) for _ in range(10_000)] == [{}] * 10_000


def test_only_buckets_that_are_full_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_bucket, "MAX_BUCKETS", 10)
    clock = Clock()
    buckets = Buckets(clock, per_s=1, burst=5)
    assert [buckets.take("busy") for _ in range(6)] == [True] * 5 + [False]
    for n in range(9):
        buckets.take(f"once {n}")
    clock.now += 1
    buckets.take("new")
    assert len(buckets) == 2
    assert [buckets.take("busy") for _ in range(2)] == [True, False]
