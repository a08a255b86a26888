"""Which fields of a loosely decoded event are wrong, each on its own.

A typed decode stops at the first wrong field and may quote it; this goes through all of them and
says what is expected instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from clarion.contracts.event import (
    CHANNELS,
    LANES,
    MAX_RECIPIENTS,
    Address,
    Channel,
    Content,
    Event,
    Recipient,
)
from clarion.contracts.ids import SUBSCRIBER_ID_WORDS
from clarion.contracts.unknown_fields import unknown
from clarion.contracts.values import member_path
from clarion.contracts.visible import is_blank
from clarion.errors import FieldError

EXPECTED = {
    "type": "1 to 128 of A-Z a-z 0-9 . _ : / -, beginning with a letter or digit",
    "id": "a string of 1 to 256 characters, none of them a control character",
    "source": "a string of 1 to 256 characters, none of them a control character",
    "time": "a time with its offset, such as 2026-01-31T12:00:00Z",
    "send_at": "a time with its offset, such as 2026-01-31T12:00:00Z",
    "expires_at": "a time with its offset, such as 2026-01-31T12:00:00Z",
    "to": "user:<id>, topic:<id>, an object with an id, or a list of these",
    "to[].id": SUBSCRIBER_ID_WORDS,
    "to[].email": "a string of at most 320 characters",
    "to[].phone": "a string of at most 32 characters",
    "to[].locale": "a string of at most 35 characters",
    "to[].timezone": "a string of at most 64 characters",
    "to[].attributes": "an object",
    "content": "an object",
    "content.title": "a string of 1 to 1,000 characters, one of them visible",
    "content.body": "a string of at most 20,000 characters",
    "content.url": (
        "an http, https or mailto URL or a path of at most 2,000 characters, without backslashes"
        " and control characters"
    ),
    "content.image": (
        "an https URL or a path of at most 2,000 characters, without backslashes and control"
        " characters"
    ),
    "content.actor": "a string of 1 to 200 characters, one of them visible",
    "channels": "a list of 1 to 6 channels",
    "channels[]": "one of " + ", ".join(CHANNELS),
    "category": "1 to 128 of A-Z a-z 0-9 . _ : @ -",
    "lane": "one of " + ", ".join(LANES),
}
"""What each field must be, in words; `[]` stands for any element."""


def event_faults(value: object) -> Iterator[FieldError]:
    """Every wrong field of an event, by its type alone."""
    if not isinstance(value, dict):
        yield FieldError("body", "must be an object")
        return
    yield from _struct_faults(cast("dict[str, Any]", value), Event, "", "")


def expected(kind: str) -> str:
    """The sentence of a field."""
    return f"must be {EXPECTED.get(kind, 'as documented')}"


def _struct_faults(
    value: dict[str, Any], struct: type[Struct], path: str, kind: str
) -> Iterator[FieldError]:
    known = types_of(struct)
    for key in value:
        if key not in known:
            yield FieldError(member_path(path, key), unknown(key, known))
    for key, (annotation, required) in known.items():
        at = member_path(path, key)
        if key in value:
            yield from _field_faults(value[key], annotation, at, f"{kind}.{key}" if kind else key)
        elif required:
            yield FieldError(at, "is required")


def _field_faults(value: Any, annotation: Any, path: str, kind: str) -> Iterator[FieldError]:
    if kind == "to":
        yield from _to_faults(value)
        return
    if kind == "content" and isinstance(value, dict):
        yield from _struct_faults(cast("dict[str, Any]", value), Content, path, kind)
        return
    if kind in ("content.title", "content.actor") and isinstance(value, str) and is_blank(value):
        yield FieldError(path, expected(kind))
        return
    if converts(value, annotation):
        return
    match kind, value:
        case "channels", list() if 0 < len(cast("list[Any]", value)) <= len(CHANNELS):
            for index, one in enumerate(cast("list[Any]", value)):
                yield from _field_faults(one, Channel, f"{path}[{index}]", "channels[]")
        case _:
            yield FieldError(path, expected(kind))


def _to_faults(value: Any) -> Iterator[FieldError]:
    match value:
        case None:
            return
        case list():
            yield from _audience_faults(cast("list[Any]", value))
        case dict():
            yield from _struct_faults(cast("dict[str, Any]", value), Recipient, "to", "to[]")
        case _:
            if not converts(value, Address):
                yield FieldError("to", expected("to"))


def _audience_faults(value: list[Any]) -> Iterator[FieldError]:
    if len(value) > MAX_RECIPIENTS:
        yield FieldError("to", f"names more than {MAX_RECIPIENTS:,} recipients; use a topic")
        return
    for index, one in enumerate(value):
        path = f"to[{index}]"
        if isinstance(one, dict):
            yield from _struct_faults(cast("dict[str, Any]", one), Recipient, path, "to[]")
        elif not converts(one, Address):
            yield FieldError(path, expected("to"))


def converts(value: Any, annotation: Any) -> bool:
    """Whether a loosely decoded value is of this type."""
    try:
        _decoder_of(annotation).decode(msgspec.json.encode(value))
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


@cache
def _decoder_of(annotation: Any) -> msgspec.json.Decoder[Any]:
    """Cached: `convert` would build as much on every call."""
    return msgspec.json.Decoder(annotation)


@cache
def types_of(struct: type[Struct]) -> dict[str, tuple[Any, bool]]:
    """Of each field its type, and whether it is required."""
    return {one.encode_name: (one.type, one.required) for one in fields(struct)}
