"""Metrics of several processes as those of one."""

from __future__ import annotations

import math

import pytest
from prometheus_client import Counter

from clarion.telemetry.merging import Families, Family, merged


def families(*several: tuple[str, str, dict[str, float]]) -> Families:
    return Families(
        Family(name, kind, "What it is", {(sample, ()): value for sample, value in values.items()})
        for name, kind, values in several
    )


def values_of(several: Families) -> dict[str, float]:
    return {sample: value for family in several for (sample, _), value in family.values.items()}


def test_counters_and_histograms_are_summed_and_gauges_by_what_they_mean() -> None:
    one = families(
        ("c", "counter", {"c_total": 2, "c_created": 7}),
        ("h", "histogram", {"h_bucket": 1, "h_sum": 0.5, "h_count": 1}),
        ("clarion_live_sessions", "gauge", {"clarion_live_sessions": 3}),
        ("clarion_bus_link_up", "gauge", {"clarion_bus_link_up": 1}),
        ("clarion_bus_blocked", "gauge", {"clarion_bus_blocked": 0}),
    )
    other = families(
        ("c", "counter", {"c_total": 5, "c_created": 3}),
        ("h", "histogram", {"h_bucket": 1, "h_sum": 0.25, "h_count": 2}),
        ("clarion_live_sessions", "gauge", {"clarion_live_sessions": 4}),
        ("clarion_bus_link_up", "gauge", {"clarion_bus_link_up": 0}),
        ("clarion_bus_blocked", "gauge", {"clarion_bus_blocked": 1}),
    )
    assert values_of(merged([one, other])) == {
        "c_total": 7,
        "c_created": 3,
        "h_bucket": 2,
        "h_sum": 0.75,
        "h_count": 3,
        "clarion_live_sessions": 7,
        "clarion_bus_link_up": 0,
        "clarion_bus_blocked": 1,
    }
    assert values_of(one)["c_total"] == 2


def test_of_a_process_that_has_ended_counts_stay_and_gauges_do_not() -> None:
    ended = families(("c", "counter", {"c_total": 2}), ("g", "gauge", {"g": 3})).kept()
    assert values_of(ended) == {"c_total": 2}


def test_metrics_come_back_from_text_as_they_were() -> None:
    counter = Counter("test_merging_total", "A test.", ["code"])
    counter.labels("a b\n").inc(2)
    own = Families.of_this_process()
    again = Families.read(own.dump())
    assert values_of(again) == values_of(own)
    assert again.exposition() == own.exposition()
    assert b'test_merging_total{code="a b\\n"} 2.0' in again.exposition()
    odd = families(("g", "gauge", {"g": math.inf}))
    assert values_of(Families.read(odd.dump())) == {"g": math.inf}


@pytest.mark.parametrize("text", ["", "null", "[1]", "[[1]]", '[["a","gauge","",[["a",1,2]]]]'])
def test_what_is_no_list_of_metrics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Families.read(text)
