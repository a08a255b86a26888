"""Looks at the bytes of a JSON value before it is walked."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.values import HUGE_INTEGER, may_hold_huge_number

runs = st.lists(st.sampled_from([1, 5, 307, 308, 309, 310, 700]), max_size=6)


@given(runs)
def test_a_long_number_is_found_wherever_it_begins(lengths: list[int]) -> None:
    raw = b"[" + b",".join(b"7" * length for length in lengths) + b"]"
    assert may_hold_huge_number(raw) == any(length > 308 for length in lengths)


def test_runs_of_digits_are_looked_at_once_each() -> None:
    """Without the look behind, each of the 308 digits begins another look."""
    begins = re.compile(HUGE_INTEGER.pattern.replace(b"[0-9]{309}", b"[0-9]"))
    raw = b"[" + b",".join([b"7" * 308] * 1_000) + b"]"
    assert len(begins.findall(raw)) == 1_000
