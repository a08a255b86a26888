"""Subscriber attributes as the given JSON text, because parsing would change numbers."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Text, cast, literal, null
from sqlalchemy.dialects.postgresql import JSONB

from clarion.contracts.validation import MAX_ATTRIBUTES_BYTES
from clarion.contracts.values import compact, jsonb_rewrites
from clarion.errors import FieldError, Invalid

Attributes = dict[str, Raw]

_decode = msgspec.json.Decoder(Attributes).decode
_encode = msgspec.json.Encoder().encode


class _Given(Struct):
    attributes: Attributes | None = None


_given = msgspec.json.Decoder(_Given)


def given_in(body: bytes) -> Attributes | None:
    """The attributes in a valid body; `None` if null or absent."""
    return _given.decode(body).attributes


def text_of(attributes: Attributes | None) -> str | None:
    """The stored form. Raises `Invalid` above `MAX_ATTRIBUTES_BYTES`."""
    if attributes is None:
        return None
    text = compact(_encode(attributes))
    if len(text) > MAX_ATTRIBUTES_BYTES:
        fault = FieldError("attributes", f"is larger than {MAX_ATTRIBUTES_BYTES} bytes")
        raise Invalid("The attributes are too large; nothing was changed.", errors=[fault])
    return text.decode()


def merged(stored: Attributes, patch: Attributes) -> Attributes:
    """Merge by RFC 7386: null removes a member, an object is merged into the member of the same
    name, any other value replaces it."""
    result = dict(stored)
    for name, value in patch.items():
        if bytes(value) == b"null":
            result.pop(name, None)
        elif _is_object(value):
            before = result.get(name)
            inner = _decode(before) if before is not None and _is_object(before) else {}
            result[name] = Raw(_encode(merged(inner, _decode(value))))
        else:
            result[name] = value
    return result


def _is_object(value: Raw) -> bool:
    return bytes(value).lstrip()[:1] == b"{"


def columns_of(text: str | None) -> dict[str, Any]:
    """The column: JSONB, unless that would change how numbers are written."""
    if text is not None and jsonb_rewrites(text.encode()):
        return {"attributes": null(), "attributes_text": text}
    value = null() if text is None else cast(literal(text, Text), JSONB)
    return {"attributes": value, "attributes_text": None}


def read(text: str) -> Attributes:
    """The stored attributes."""
    return _decode(text)
