"""Bytes to events: whatever comes in is an event or a problem that repeats nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.event import MAX_DEPTH, Event
from clarion.contracts.validation import decode_event, decode_events, decode_json
from clarion.contracts.values import is_deeper
from clarion.errors import BadRequest, Invalid, Problem

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)
events = st.fixed_dictionaries(
    {"type": st.just("a") | json_values},
    optional={
        "id": st.text() | scalars,
        "to": st.just("user:1") | st.lists(st.just({"id": "1"}) | json_values) | json_values,
        "data": json_values,
        "content": st.fixed_dictionaries({"title": scalars}) | json_values,
        "channels": st.lists(st.sampled_from(["inbox", "fax", 1])) | json_values,
        "time": st.datetimes().map(str) | st.just("2026-01-01T00:00:00Z"),
        "else": scalars,
    },
)


def inside(value: Any) -> list[Any]:
    """The members of an object, or the elements of an array."""
    match value:
        case dict():
            return list(cast("dict[str, Any]", value).values())
        case list():
            return cast("list[Any]", value)
        case _:
            return []


def depth_of(value: Any) -> int:
    is_nested = isinstance(value, dict | list)
    return is_nested + max(map(depth_of, inside(value)), default=0)


def texts_of(value: Any) -> list[str]:
    own = (
        [value]
        if isinstance(value, str)
        else list(cast("dict[str, Any]", value))
        if isinstance(value, dict)
        else []
    )
    return [*own, *(text for one in inside(value) for text in texts_of(one))]


@given(st.binary(max_size=200))
def test_bytes_are_an_event_or_a_problem(raw: bytes) -> None:
    for decode in (decode_event, decode_events, decode_json):
        assert isinstance(problem_of(decode, raw), BadRequest | Invalid | None)


@given(events)
def test_an_event_is_accepted_exactly_when_its_type_and_values_allow(value: Any) -> None:
    raw = json.dumps(value).encode()
    problem = problem_of(decode_event, raw)
    if problem is None:
        assert not any("\0" in text for text in texts_of(value))
        msgspec.json.decode(raw, type=Event)
    elif problem.code == "malformed_json":
        assert b"\\ud" in raw.lower()
    else:
        assert problem.errors
        assert all(error.field and error.message for error in problem.errors)


@given(json_values, st.integers(0, 6))
def test_depth_is_counted_in_bytes_as_in_values(value: Any, levels: int) -> None:
    raw = json.dumps(value).encode()
    assert is_deeper(raw, levels) == (depth_of(value) > levels)


def test_the_deepest_allowed_value_is_allowed() -> None:
    inner = MAX_DEPTH - 1
    decode_event(b'{"type":"a","data":' + b"[" * inner + b"]" * inner + b"}")
    decode_event(b'{"type":"a","data":"' + b"[" * 1_000 + b'\\"{{{{"}')


@given(st.text(max_size=40))
def test_no_problem_repeats_what_was_sent(text: str) -> None:
    canary = f"\u00f6{text}"
    for value in (
        {"type": canary},
        {"type": "a", "lane": canary},
        {"type": "a", "to": {"id": "1", "email": canary + "@", "phone": canary}},
        {"type": "a", "data": {canary + "\0": 1}},
    ):
        problem = problem_of(decode_event, json.dumps(value).encode())
        assert problem is not None
        said = [problem.detail, *(f"{one.field} {one.message}" for one in problem.errors)]
        assert all(canary not in one for one in said)


@pytest.mark.parametrize(
    ("times", "fields"),
    [
        ({"send_at": "2026-11-20T12:00:00Z", "expires_at": "2026-11-20T12:00:01Z"}, []),
        ({"send_at": "2026-11-20T12:00:00Z", "expires_at": "2026-11-20T12:00:00Z"}, ["expires_at"]),
        ({"send_at": "2027-11-20T12:00:00Z"}, []),
        ({"send_at": "2027-11-22T12:00:00Z"}, ["send_at"]),
        ({"send_at": "2000-01-01T00:00:00Z"}, []),
        ({"expires_at": "2000-01-01T00:00:00Z"}, []),
        ({"time": "1969-12-31T23:59:59Z"}, ["time"]),
    ],
)
def test_times_are_bounded(times: dict[str, str], fields: list[str]) -> None:
    raw = json.dumps({"type": "a", **times}).encode()
    assert faults_of(raw) == fields


@pytest.mark.parametrize(
    ("described", "fields"),
    [
        ({"email": "jane.doe+x@mail.example.com"}, []),
        ({"email": "root@localhost"}, []),
        ({"email": "jürgen@exämple.de"}, []),
        ({"email": "Jane <jane@example.com>"}, ["to.email"]),
        ({"email": "a@b.de,c@d.de"}, ["to.email"]),
        ({"email": "a@b.de\r\nBcc: c@d.de"}, ["to.email"]),
        ({"email": "a@b"}, ["to.email"]),
        ({"phone": "+15005550006"}, []),
        ({"phone": "+1 500 555 0006"}, ["to.phone"]),
        ({"phone": "0170123456"}, ["to.phone"]),
        ({"phone": "+999123456789"}, ["to.phone"]),
        ({"timezone": "Europe/Vienna"}, []),
        ({"timezone": "../../etc/passwd"}, ["to.timezone"]),
        ({"locale": "zh-Hant-TW"}, []),
        ({"locale": "german language"}, ["to.locale"]),
        ({"attributes": {"a": "x" * 16_384}}, ["to.attributes"]),
    ],
)
def test_a_described_recipient_is_checked(described: dict[str, Any], fields: list[str]) -> None:
    raw = json.dumps({"type": "a", "to": {"id": "1", **described}}).encode()
    assert faults_of(raw) == fields


def faults_of(raw: bytes) -> list[str]:
    problem = problem_of(lambda given: decode_event(given, now=NOW), raw)
    return [] if problem is None else [error.field for error in problem.errors]


def problem_of(decode: Callable[[bytes], object], raw: bytes) -> Problem | None:
    try:
        decode(raw)
    except Problem as problem:
        return problem
    return None


def test_naming_faults_leaves_a_process_that_ends_in_order() -> None:
    program = (
        "from clarion.contracts.validation import decode_event\n"
        "from clarion.errors import Invalid\n"
        'for to in (b"5", b"[5]", b\'{"id":5}\', b\'"x"\') * 500:\n'
        "    try:\n"
        '        decode_event(b\'{"type":5,"channels":[1],"to":\' + to + b\'}\')\n'
        "    except Invalid:\n"
        "        pass\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_types_of_an_event_can_be_freed_without_harm() -> None:
    program = (
        "import gc, msgspec\n"
        "from clarion.contracts.event import Event\n"
        "fields = [(one.name, one.type, None) for one in msgspec.structs.fields(Event)]\n"
        "for _ in range(50):\n"
        "    twin = msgspec.defstruct('Twin', fields)\n"
        '    msgspec.json.decode(b\'{"to":["user:1"]}\', type=twin)\n'
        "    del twin\n"
        "    gc.collect()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
