"""The error text for an invalid client frame, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast, get_args
from uuid import UUID

from clarion.contracts.error_words import TIME_WORDS, UUID_WORDS, WORDS
from clarion.contracts.field_faults import EXPECTED, converts, types_of
from clarion.contracts.frames import (
    MAX_COMMAND_IDS,
    MAX_KEY_CHARACTERS,
    AnyClientFrame,
    ClientFrame,
)
from clarion.contracts.ids import SUBSCRIBER_ID_WORDS
from clarion.contracts.unknown_fields import unknown

MAX_NAMED = 10
MAX_REF_CHARACTERS = 256
VERSION_WORDS = "must be a whole number from 0 to 9007199254740991"

FRAME_TYPES: dict[str, type[ClientFrame]] = {
    str(frame.__struct_config__.tag): frame for frame in get_args(AnyClientFrame)
}
FIELD_RULES: Mapping[str, str] = {
    "ref": f"must be a string of at most {MAX_REF_CHARACTERS} characters or a whole number",
    "token": "must be a string",
    "since": VERSION_WORDS,
    "epoch": "must be a string",
    "up_to": VERSION_WORDS,
    "version": VERSION_WORDS,
    "category": f"must be {EXPECTED['category']}",
    "key": f"must be a string of 1 to {MAX_KEY_CHARACTERS} characters, none a control character",
    "ids": f"must be a list of 1 to {MAX_COMMAND_IDS:,} UUIDs",
    "until": f"{TIME_WORDS}, or null",
    "topic": f"must be {SUBSCRIBER_ID_WORDS}",
    "id": f"must be {EXPECTED['id']}",
    "data": "must be JSON",
}


def frame_faults(frame: Mapping[str, Any]) -> str:
    """The faults of a frame of a known type."""
    faults = list(islice(_faults(frame, FRAME_TYPES[frame["type"]]), MAX_NAMED))
    return (
        " ".join(f"`{path}` {words}." for path, words in faults) or "It does not match the schema."
    )


def type_fault(given: object) -> str:
    """The fault of a missing or unknown type."""
    known = ", ".join(sorted(FRAME_TYPES))
    if isinstance(given, str):
        return f"`type` {unknown(given, FRAME_TYPES, 'type of frame')}."
    return f"`type` {'is required' if given is None else 'must be a string'}: one of {known}."


def _faults(frame: Mapping[str, Any], struct: type[ClientFrame]) -> Iterator[tuple[str, str]]:
    known = types_of(struct)
    for name, (annotation, required) in known.items():
        if name not in frame:
            if required:
                yield name, WORDS["missing"]
        elif not converts(frame[name], annotation):
            yield from _value_faults(name, frame[name])


def _value_faults(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if name == "ids" and isinstance(value, list):
        ids = cast("list[Any]", value)
        if 0 < len(ids) <= MAX_COMMAND_IDS:
            wrong = (place for place, id_ in enumerate(ids) if not converts(id_, UUID))
            yield from ((f"ids[{place}]", UUID_WORDS) for place in wrong)
            return
    yield name, FIELD_RULES[name]
