"""Dividing a JSON array into its elements, each as it was written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clarion.contracts.event import MAX_EVENTS
from clarion.contracts.refusals import invalid, malformed, too_deep
from clarion.contracts.unreadable import may_be_unreadable, readable_copy
from clarion.errors import FieldError

_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def split_array(raw: bytes) -> list[bytes]:
    """The elements of a JSON array, at least one and at most `MAX_EVENTS`. What one of them holds
    that cannot be read is the fault of that one alone, found when it is read."""
    parts = _divide(raw)
    if not parts:
        raise invalid([FieldError("body", "holds no event")])
    if len(parts) > MAX_EVENTS:
        raise invalid([FieldError("body", f"holds more than {MAX_EVENTS} events")])
    return parts


def _divide(raw: bytes) -> list[bytes]:
    try:
        return [bytes(part) for part in _elements(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if not may_be_unreadable(raw, error):
            raise malformed(raw, error) from None
    try:
        return list(_cut(raw, readable_copy(raw)))
    except RecursionError:
        raise invalid([too_deep("body")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(raw, error) from None


def _cut(raw: bytes, copy: bytes) -> Iterator[bytes]:
    """What of `raw` stands where the elements of its `copy` do."""
    at = 0
    for part in _elements(copy):
        element = bytes(part)
        at = copy.index(element, at)  # but for white space and commas nothing is between
        yield raw[at : at + len(element)]
        at += len(element)
