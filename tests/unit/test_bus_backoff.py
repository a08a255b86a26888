"""How long the bus waits before it tries again, and for an answer."""

from __future__ import annotations

from clarion.bus.rabbitmq.backoff import Backoff, ConnectTimeout


def longest(_low: float, high: float) -> float:
    return high


def test_ceiling_doubles_up_to_five_seconds() -> None:
    backoff = Backoff(longest)
    assert [backoff.next_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_success_begins_anew() -> None:
    backoff = Backoff(longest)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.2


def test_many_clients_do_not_come_back_together() -> None:
    waits = {Backoff().next_s() for _ in range(50)}
    assert len(waits) == 50
    assert all(0 <= wait <= 0.2 for wait in waits)


def test_a_broker_that_is_too_slow_gets_more_time_until_it_answers() -> None:
    timeout = ConnectTimeout()
    given = [timeout.seconds]
    for _ in range(2):
        timeout.failed(TimeoutError())
        given.append(timeout.seconds)
    timeout.failed(ConnectionRefusedError())
    assert [*given, timeout.seconds] == [5.0, 10.0, 10.0, 5.0]
