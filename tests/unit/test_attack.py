"""The attack is worth what it would notice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.attack import FAULT, MAX_GROWN_KIB, changed_rows, is_wrong

CLEAN: dict[str, Any] = {
    "strange": [],
    "log_errors": [],
    "victim_rows_changed": 0,
    "victim_reads_on": True,
    "memory_kib": [100_000, 100_000 + MAX_GROWN_KIB],
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"strange": ["silent: None, not (4408,)"]},
        {"log_errors": ["Traceback (most recent call last):"]},
        {"victim_rows_changed": 1},
        {"victim_reads_on": False},
        {"memory_kib": [100_000, 100_001 + MAX_GROWN_KIB]},
    ],
)
def test_each_thing_that_must_not_be_fails_the_attack(wrong: dict[str, Any]) -> None:
    assert not is_wrong(CLEAN)
    assert is_wrong(CLEAN | wrong)


def test_a_row_that_is_read_lost_or_new_is_changed() -> None:
    items = [{"id": "a", "read_at": None}, {"id": "b", "read_at": None}]
    before = {"items": items, "version": 2, "unread": 2}
    read = [items[0] | {"read_at": "2030-01-01T00:00:00Z"}, items[1]]
    assert changed_rows(before, before) == 0
    assert changed_rows(before, {"items": read, "version": 3, "unread": 1}) == 2
    assert changed_rows(before, before | {"items": items[:1]}) == 1
    assert changed_rows(before, before | {"items": [*items, {"id": "c"}]}) == 1


def test_errors_and_tracebacks_of_a_log_are_faults() -> None:
    lines = {
        '{"event": "x", "level": "error"}': True,
        '{"level":"critical"}': True,
        "Traceback (most recent call last):": True,
        '{"event": "Invalid HTTP request received.", "level": "warning"}': False,
    }
    assert {line: bool(FAULT.search(line)) for line in lines} == lines
