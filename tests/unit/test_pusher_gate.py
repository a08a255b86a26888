"""Who pays for a handshake, by a clock that stands still unless it is moved."""

from __future__ import annotations

from typing import cast

import pytest

from clarion.errors import TooMany, Unavailable
from services.pusher.session.handshake_gate import TENANT_IDLE_S, HandshakeGate
from services.pusher.session.session import Session

PER_S = 20


class Gate(HandshakeGate):
    """With a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(lambda: self.now, PER_S)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def admitted(gate: HandshakeGate, tenant: str, tries: int) -> int:
    """How many of so many get in."""
    count = 0
    for _ in range(tries):
        try:
            gate.check_authenticated(tenant)
        except Unavailable:
            continue
        count += 1
    return count


def unproven(gate: HandshakeGate, address: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            gate.check_unauthenticated(address)
        except Unavailable:
            continue
        count += 1
    return count


def session() -> Session:
    """Only its identity counts."""
    return cast("Session", object())


def test_a_tenant_alone_has_the_whole_rate(gate: Gate) -> None:
    assert admitted(gate, "one", 3 * PER_S) == PER_S
    gate.now += 1
    assert admitted(gate, "one", 3 * PER_S) == PER_S


def test_those_who_do_not_say_who_they_are_leave_half(gate: Gate) -> None:
    taken = sum(unproven(gate, f"192.0.2.{n}", PER_S) for n in range(10))
    assert taken == PER_S // 2
    assert admitted(gate, "one", PER_S) == PER_S // 2


def test_an_address_is_not_charged_for_those_who_proved_themselves(gate: Gate) -> None:
    for _ in range(5):
        assert unproven(gate, "192.0.2.1", 2) == 2
        for one in (session(), session()):
            gate.track_unauthenticated(one, "192.0.2.1")
            assert gate.settle(one, "one")
            assert gate.settle(one, "one"), "a renewal costs nothing"
        gate.now += 0.1


def test_a_tenant_past_its_share_is_let_in_once_the_rate_has_recovered(gate: Gate) -> None:
    assert admitted(gate, "small", 1) == 1
    one = session()
    assert unproven(gate, "192.0.2.1", 1) == 1
    gate.track_unauthenticated(one, "192.0.2.1")
    admitted(gate, "large", 10 * PER_S)
    assert unproven(gate, "192.0.2.1", 1) == 0
    gate.now += 1
    assert gate.settle(one, "large")


def test_an_address_is_charged_for_those_who_never_did(gate: Gate) -> None:
    assert unproven(gate, "192.0.2.1", PER_S) == PER_S // 2
    gate.now += 0.6  # for all together there is room again, for this address only for six
    assert unproven(gate, "192.0.2.1", PER_S) == 6
    assert unproven(gate, "192.0.2.2", 1) == 1


def test_junk_costs_only_its_address(gate: Gate) -> None:
    for _ in range(PER_S // 2):
        gate.charge_failure("192.0.2.1")
    with pytest.raises(TooMany) as refused:
        gate.charge_failure("192.0.2.1")
    assert (refused.value.code, refused.value.retry_after_s) == ("too_many_bad_requests", 1)
    gate.charge_failure("192.0.2.2")
    assert unproven(gate, "192.0.2.1", 1) == 1
    assert admitted(gate, "one", PER_S) == PER_S - 1


def test_a_tenant_past_its_share_leaves_half_to_the_others(gate: Gate) -> None:
    assert admitted(gate, "small", 1) == 1
    gate.now += 1
    assert admitted(gate, "large", 10 * PER_S) == PER_S // 2
    assert admitted(gate, "small", PER_S // 2) == PER_S // 2


def test_a_tenant_that_went_away_claims_no_share(gate: Gate) -> None:
    assert admitted(gate, "small", 1) == 1
    gate.now += TENANT_IDLE_S
    assert admitted(gate, "large", 3 * PER_S) == PER_S
