"""Rates of callers: keys, tenants, and addresses whose keys do not hold."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from clarion.errors import TooMany
from clarion.http.rate_limit import MAX_CALLERS, RateLimit, rate_limit_fields
from clarion.http.repeated_lines import LOG_EVERY_S
from clarion.tokens.api_keys import ApiKey
from services.gateway.front.bad_keys import BAD_KEYS_AT_ONCE, BadKeys
from services.gateway.front.rates import RequestRates, with_fields


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def scope_from(address: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "client": (address, 4711), "headers": list(headers)}


def key_of(tenant: str, identifier: str) -> ApiKey:
    return ApiKey(identifier, tenant, "test", frozenset())


def test_a_caller_has_twice_its_rate_at_once_and_its_rate_for_ever() -> None:
    clock = Hand()
    limit = RateLimit("key", 3, clock=clock)
    assert [limit.take("a").is_allowed for _ in range(8)] == [True] * 6 + [False] * 2
    assert limit.take("b").is_allowed
    allowed = 0
    for _ in range(80):
        clock.now += 0.125
        allowed += limit.take("a").is_allowed
    assert allowed == 30


def test_the_fields_say_what_remains_and_when_there_is_more() -> None:
    limit = RateLimit("key", 2, clock=Hand())
    assert rate_limit_fields([(limit, limit.take("a"))]) == [
        (b"ratelimit", b'"key";r=3;t=1'),
        (b"ratelimit-policy", b'"key";q=4;w=2'),
    ]


def test_callers_that_are_full_again_are_forgotten() -> None:
    clock = Hand()
    limit = RateLimit("address", 1, clock=clock)
    for number in range(MAX_CALLERS):
        limit.take(str(number))
    clock.now += 10
    limit.take("one more")
    assert len(limit) == 1


def test_a_key_and_its_tenant_are_counted_apart() -> None:
    rates = RequestRates(2, 3, clock=Hand())
    scope = scope_from("192.0.2.1")
    for _ in range(4):
        rates.charge(scope, key_of("acme", "1"))
    with pytest.raises(TooMany) as of_key:
        rates.charge(scope, key_of("acme", "1"))
    assert (of_key.value.retry_after_s, "key" in of_key.value.detail) == (1, True)
    for _ in range(2):
        rates.charge(scope, key_of("acme", "2"))
    with pytest.raises(TooMany) as of_tenant:
        rates.charge(scope, key_of("acme", "2"))
    assert "tenant" in of_tenant.value.detail
    assert dict(with_fields(scope))[b"ratelimit"] == b'"key";r=1;t=1, "tenant";r=0;t=1'
    rates.charge(scope, key_of("other", "3"))


def test_without_a_limit_nothing_is_counted() -> None:
    rates, scope = RequestRates(0, 0), scope_from("192.0.2.1")
    rates.charge(scope, key_of("acme", "1"))
    assert with_fields(scope) == []


def test_an_address_with_too_many_bad_keys_is_refused_and_others_are_not() -> None:
    clock = Hand()
    bad_keys = BadKeys(clock=clock)
    for _ in range(BAD_KEYS_AT_ONCE):
        bad_keys.count(scope_from("192.0.2.1"), "key_invalid")
    with pytest.raises(TooMany) as refused:
        bad_keys.count(scope_from("192.0.2.1"), "key_invalid")
    assert (refused.value.code, refused.value.retry_after_s) == ("too_many_bad_keys", 1)
    with pytest.raises(TooMany):
        bad_keys.refuse_flood(scope_from("192.0.2.1"))
    bad_keys.refuse_flood(scope_from("192.0.2.2"))
    clock.now += 1
    bad_keys.refuse_flood(scope_from("192.0.2.1"))


def test_bad_keys_are_logged_once_a_minute_for_each_address_with_their_number() -> None:
    clock = Hand()
    bad_keys = BadKeys(clock=clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            bad_keys.count(scope_from("192.0.2.1"), "key_invalid")
        bad_keys.count(scope_from("192.0.2.2"), "key_missing")
        clock.now += LOG_EVERY_S
        bad_keys.count(scope_from("192.0.2.1"), "key_expired")
    assert [(one["event"], one["address"], one["code"], one["count"]) for one in lines] == [
        ("bad_key", "192.0.2.1", "key_invalid", 1),
        ("bad_key", "192.0.2.2", "key_missing", 1),
        ("bad_key", "192.0.2.1", "key_expired", 5),
    ]


def test_lines_of_many_addresses_are_bounded() -> None:
    bad_keys = BadKeys(clock=Hand())
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            bad_keys.count(scope_from(f"192.0.{number // 256}.{number % 256}"), "key_invalid")
    assert len(lines) == 10
