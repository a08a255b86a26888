"""Trace context: continued where it is well-formed, else begun."""

from __future__ import annotations

import re

import pytest

from clarion.telemetry.trace import (
    continue_trace,
    current_trace_id,
    new_traceparent,
    set_current_trace,
    trace_id_of,
)

FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def test_a_span_follows_in_the_same_trace() -> None:
    span = continue_trace(GIVEN)
    assert FORM.fullmatch(span)
    assert trace_id_of(span) == trace_id_of(GIVEN) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span[36:52] != GIVEN[36:52]
    assert span.endswith("-00")


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        GIVEN.upper(),
        GIVEN + "-x",
        GIVEN + "\n",
        "ff" + GIVEN[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
        "'; DROP TABLE events",
    ],
)
def test_what_is_malformed_begins_a_trace(malformed: str | None) -> None:
    assert FORM.fullmatch(continue_trace(malformed))
    assert trace_id_of(malformed or "") == ""


def test_a_task_knows_its_trace() -> None:
    traceparent = new_traceparent()
    set_current_trace(traceparent)
    assert current_trace_id() == trace_id_of(traceparent)
    set_current_trace("")
    assert current_trace_id() == ""
