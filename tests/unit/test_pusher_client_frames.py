"""Whatever a client sends is a frame or is answered by an error, and never raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.frames import ErrorFrame
from services.pusher.client_frames import TYPES, read_frame
from services.pusher.snooze import LONGEST, until_fault

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SECOND = timedelta(seconds=1)

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.uuids().map(str),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
NAMES = ("ref", "since", "version", "ids", "up_to", "until", "token", "topic", "data", "id", "more")
almost = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(TYPES)) | values},
    optional={name: values for name in NAMES},
)
CODES = {"malformed", "unknown_type", "invalid"}


@given(st.binary(max_size=200))
def test_bytes_are_a_frame_or_an_error(payload: bytes) -> None:
    found = read_frame(payload)
    assert not isinstance(found, ErrorFrame) or found.code in CODES


@given(almost)
def test_what_is_nearly_a_frame_is_one_or_an_error_with_its_ref(frame: dict[str, Any]) -> None:
    found = read_frame(json.dumps(frame).encode())
    if isinstance(found, ErrorFrame):
        assert found.code in CODES
        assert found.ref in (None, frame.get("ref"))
    else:
        assert type(found).__struct_config__.tag == frame["type"]


@pytest.mark.parametrize(
    ("until", "fault"),
    [
        (None, None),
        (NOW + SECOND, None),
        (NOW + LONGEST, None),
        (NOW, "must lie in the future"),
        (NOW - SECOND, "must lie in the future"),
        (NOW + LONGEST + SECOND, "must lie within one year"),
    ],
)
def test_a_snooze_ends_within_a_year_from_now(until: datetime | None, fault: str | None) -> None:
    assert until_fault(until, NOW) == fault


@pytest.mark.parametrize("version", [{}, {"version": None}, {"version": "3"}, {"version": -1}])
def test_an_ack_without_a_version_is_an_error(version: dict[str, Any]) -> None:
    found = read_frame(json.dumps({"type": "ack", "ref": 7} | version).encode())
    assert isinstance(found, ErrorFrame)
    assert (found.code, found.ref, "version" in found.detail) == ("invalid", 7, True)
