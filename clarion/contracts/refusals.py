"""The problems of a body that is not JSON, or not as documented. None repeats what was sent."""

from __future__ import annotations

import re

from clarion.contracts.event import MAX_DEPTH
from clarion.contracts.unreadable import SURROGATE, half_pair_paths
from clarion.errors import BadRequest, FieldError, Invalid, Problem

MAX_NAMED_FAULTS = 100

HALF_PAIR = (
    "holds half of a surrogate pair: send both halves of the character, or U+FFFD in its place"
)

_POSITION = re.compile(r"\(byte (\d+)\)")


def invalid(faults: list[FieldError]) -> Invalid:
    """The problem that names these fields."""
    named = faults[:MAX_NAMED_FAULTS]
    what = "1 field is" if len(named) == 1 else f"{len(named)} fields are"
    return Invalid(f"{what} not as documented; nothing was accepted.", errors=named)


def too_deep(field: str) -> FieldError:
    """The fault of a value that nests past `MAX_DEPTH`."""
    return FieldError(field, f"nests more than {MAX_DEPTH} levels deep")


def malformed(raw: bytes, error: Exception) -> Problem:
    """The problem of bytes that are not JSON; says where, not what."""
    try:
        raw.decode()
    except UnicodeDecodeError as fault:
        return _not_json(f"The body is not valid UTF-8 at {_place(raw, fault.start)}")
    if SURROGATE.search(raw) and (paths := half_pair_paths(raw)):
        faults = [FieldError(path or "body", HALF_PAIR) for path in paths[:MAX_NAMED_FAULTS]]
        return _not_json("A string holds half of a surrogate pair", faults)
    text = str(error)
    if not raw.strip():
        return _not_json("The body is empty: send JSON")
    if "truncated" in text:
        return _not_json(f"The body is not JSON: it ends too early, at {_place(raw, len(raw))}")
    found = _POSITION.search(text)
    where = f" at {_place(raw, int(found[1]))}" if found else ""
    return _not_json(f"The body is not JSON: malformed{where}")


def _place(raw: bytes, position: int) -> str:
    before = raw[:position]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return f"line {line}, column {column}"


def _not_json(sentence: str, faults: list[FieldError] | None = None) -> Problem:
    return BadRequest(f"{sentence}.", code="malformed_json", errors=faults or ())
