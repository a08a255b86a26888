"""The committed JSON schemas are those of the code, and say the same as the code."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from clarion.contracts.frames import AnyClientFrame
from clarion.contracts.generate import CONTRACTS, FOLDER, schema_texts
from clarion.contracts.validation import decode_event
from clarion.errors import Invalid

EVENTS: dict[str, tuple[bool, Any]] = {
    "least": (True, {"type": "order.shipped"}),
    "address": (True, {"type": "a", "to": "user:42"}),
    "described": (True, {"type": "a", "to": ["topic:vips", {"id": "43", "email": "a@b.example"}]}),
    "content": (True, {"type": "a", "content": {"title": "Hi", "url": "/orders/1"}}),
    "picture": (True, {"type": "a", "content": {"title": "Hi", "image": "https://x.example/a"}}),
    "own picture": (True, {"type": "a", "content": {"title": "Hi", "image": "/a.png"}}),
    "actor": (True, {"type": "a", "content": {"title": "Hi", "actor": "Ada Lovelace"}}),
    "no type": (False, {}),
    "no title": (False, {"type": "a", "content": {"title": ""}}),
    "blank title": (False, {"type": "a", "content": {"title": " \u200b\u3164"}}),
    "unknown field": (False, {"type": "a", "colour": "red"}),
    "unknown channel": (False, {"type": "a", "channels": ["pigeon"]}),
    "no channel": (False, {"type": "a", "channels": []}),
    "bad address": (False, {"type": "a", "to": "user:"}),
    "address with a line end": (False, {"type": "a", "to": "user:42\n\n"}),
    "script": (False, {"type": "a", "content": {"title": "x", "url": "javascript:alert(1)"}}),
    "picture in the clear": (
        False,
        {"type": "a", "content": {"title": "x", "image": "http://x/a"}},
    ),
    "picture in the text": (
        False,
        {"type": "a", "content": {"title": "x", "image": "data:image/png,"}},
    ),
    "picture of a host": (
        False,
        {"type": "a", "content": {"title": "x", "image": "//evil.example/a"}},
    ),
    "blank actor": (False, {"type": "a", "content": {"title": "x", "actor": " \u200b"}}),
    "other host": (False, {"type": "a", "content": {"title": "x", "url": "//evil.example"}}),
}

FRAMES: dict[str, tuple[bool, Any]] = {
    "hello": (True, {"type": "hello", "since": 7, "ref": "a"}),
    "read": (True, {"type": "read", "up_to": 7}),
    "negative": (False, {"type": "hello", "since": -1}),
    "unknown type": (False, {"type": "dance"}),
    "unknown field": (True, {"type": "ping", "loud": True}),
    "no ids": (False, {"type": "read", "ids": []}),
}


def committed(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_committed_schemas_are_those_of_the_code() -> None:
    written = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert written == schema_texts(), "run `make schemas`"


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(committed(name))


@pytest.mark.parametrize("name", EVENTS)
def test_event_schema_decides_as_the_code(name: str) -> None:
    allowed, event = EVENTS[name]
    assert (schema_allows("event", event), accepts(event)) == (allowed, allowed)


@pytest.mark.parametrize("name", FRAMES)
def test_client_frame_schema_decides_as_the_code(name: str) -> None:
    allowed, frame = FRAMES[name]
    verdicts = (schema_allows("client_frame", frame), code_allows(frame))
    assert verdicts == (allowed, allowed)


def schema_allows(name: str, value: Any) -> bool:
    validator: Any = jsonschema.Draft202012Validator(committed(name))
    return validator.is_valid(value)


def code_allows(value: Any) -> bool:
    try:
        msgspec.json.decode(json.dumps(value).encode(), type=AnyClientFrame)
    except msgspec.ValidationError:
        return False
    return True


def accepts(event: Any) -> bool:
    try:
        decode_event(json.dumps(event).encode())
    except Invalid:
        return False
    return True
