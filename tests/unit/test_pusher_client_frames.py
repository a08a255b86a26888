"""Whatever a client sends is a frame or is answered by an error, and never raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.frames import ErrorFrame
from services.pusher.inbox.snooze import MAX_SNOOZE, until_fault
from services.pusher.session.client_frames import read_frame
from services.pusher.wire.frame_faults import FRAME_TYPES

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
    {"type": st.sampled_from(sorted(FRAME_TYPES)) | values},
    optional={name: values for name in NAMES},
)
WHOLE: dict[str, dict[str, Any]] = {
    "ack": {"version": 3},
    "auth": {"token": "t"},
    "publish": {"topic": "room:1", "data": 1},
    "snooze": {"until": None, "up_to": 3},
    **{verb: {"up_to": 3} for verb in ("read", "unread", "seen", "archive", "unarchive")},
}
"""What a frame needs at least."""
LIBRARY = ("Expected", "Object ", "at `$", "Invalid", "regex", "as documented")
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
        assert not any(words in found.detail for words in LIBRARY)
        assert found.ref in (None, frame.get("ref"))
    elif found is None:
        assert frame["type"] not in FRAME_TYPES
        assert frame.get("ref") is None
    else:
        assert type(found).__struct_config__.tag == frame["type"]


@pytest.mark.parametrize(
    ("until", "fault"),
    [
        (None, None),
        (NOW + SECOND, None),
        (NOW + MAX_SNOOZE, None),
        (NOW, "must lie in the future"),
        (NOW - SECOND, "must lie in the future"),
        (NOW + MAX_SNOOZE + SECOND, "must lie within one year"),
    ],
)
def test_a_snooze_ends_within_a_year_from_now(until: datetime | None, fault: str | None) -> None:
    assert until_fault(until, NOW) == fault


@pytest.mark.parametrize("tag", sorted(FRAME_TYPES))
@pytest.mark.parametrize("field", ["tomorrow", "a b", "\ud83d\ude00", "", "Ref"])
def test_a_field_of_tomorrow_is_passed_over(tag: str, field: str) -> None:
    frame = WHOLE.get(tag, {}) | {"type": tag, "ref": 7}
    for value in (None, 1, "x", [1], {"type": "auth"}):
        assert read_frame(json.dumps(frame | {field: value}).encode()) == read_frame(
            json.dumps(frame).encode()
        )
    assert not isinstance(read_frame(json.dumps(frame).encode()), ErrorFrame)


@pytest.mark.parametrize("more", [{}, {"ref": None}, {"ids": ["x"], "up_to": -1}])
def test_a_frame_of_tomorrow_is_passed_over(more: dict[str, Any]) -> None:
    assert read_frame(json.dumps({"type": "tomorrow"} | more).encode()) is None


@pytest.mark.parametrize("version", [{}, {"version": None}, {"version": "3"}, {"version": -1}])
def test_an_ack_without_a_version_is_an_error(version: dict[str, Any]) -> None:
    found = read_frame(json.dumps({"type": "ack", "ref": 7} | version).encode())
    assert isinstance(found, ErrorFrame)
    assert (found.code, found.ref, "version" in found.detail) == ("invalid", 7, True)


@pytest.mark.parametrize(
    ("frame", "detail"),
    [
        ({"type": "ack"}, "`version` is required."),
        ({"type": "ack", "version": -1}, "`version` must be a whole number from 0 to 90071992"),
        ({"type": "read", "ids": []}, "`ids` must be a list of 1 to 1,000 UUIDs."),
        ({"type": "read", "ids": [str(UUID(int=1)), "secret"]}, "`ids[1]` must be a UUID, such"),
        ({"type": "snooze", "until": "tomorrow"}, "`until` must be a time with its offset, such"),
        ({"type": "auth", "token": 7}, "`token` must be a string."),
        ({"type": "publish", "topic": "a b", "data": 1}, "`topic` must be 1 to 128 of"),
        ({"type": "publish", "topic": "a"}, "`data` is required."),
        ({"type": "ping", "ref": [1]}, "`ref` must be a string of at most 256 characters or a"),
        ({"type": "ping", "ref": "x" * 300}, "`ref` must be a string of at most 256 characters"),
        ({"type": "raed", "ref": 1}, "`type` is not a type of frame: there are ack, archive, auth"),
        ({"type": "raed", "ref": "x"}, "did you mean read?"),
        ({}, "`type` is required: one of ack, archive, auth"),
        ({"type": 7}, "`type` must be a string: one of ack"),
        ([], "The frame is not a JSON object."),
    ],
)
def test_a_refusal_names_the_field_and_the_remedy(frame: object, detail: str) -> None:
    found = read_frame(json.dumps(frame).encode())
    assert isinstance(found, ErrorFrame)
    assert detail in found.detail
    assert "secret" not in found.detail
