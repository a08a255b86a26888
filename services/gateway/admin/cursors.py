"""Page cursors: opaque, signed, valid only for one list, tenant and filter."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from clarion.errors import BadRequest, FieldError

TAG_BYTES = 16
MAX_CHARACTERS = 1024


class Cursors:
    """Writes and reads cursors. Gateways with the same secret accept each other's."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        """Cursors signed with the `previous` secret stay valid."""
        self._key = _key_of(secret)
        self._keys = [self._key, *([_key_of(previous)] if previous else [])]

    def make(self, last: list[str], *, tenant: str, of: str, filters: Mapping[str, object]) -> str:
        """Return the cursor of the page after `last`, the sort key of an item."""
        position = msgspec.json.encode(last)
        tag = _tag(self._key, _about(tenant, of, filters), position)
        return base64.urlsafe_b64encode(tag + position).rstrip(b"=").decode()

    def open(
        self, cursor: str, *, tenant: str, of: str, filters: Mapping[str, object]
    ) -> list[str]:
        """Return the sort key in a cursor. Raises `BadRequest` (`bad_cursor`) for a foreign one."""
        try:
            data = base64.b64decode(
                cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raise _bad() from None
        tag, position = data[:TAG_BYTES], data[TAG_BYTES:]
        about = _about(tenant, of, filters)
        if not any(hmac.compare_digest(tag, _tag(key, about, position)) for key in self._keys):
            raise _bad()
        return msgspec.json.decode(position, type=list[str])


def _key_of(secret: str) -> bytes:
    return hashlib.sha256(b"clarion cursor\0" + secret.encode()).digest()


def _about(tenant: str, of: str, filters: Mapping[str, object]) -> bytes:
    given = {name: value for name, value in filters.items() if value is not None}
    return msgspec.json.encode([tenant, of, given], order="sorted")


def _tag(key: bytes, about: bytes, position: bytes) -> bytes:
    return hmac.digest(key, about + b"\0" + position, "sha256")[:TAG_BYTES]


def _bad() -> BadRequest:
    fault = FieldError("cursor", "must be the next_cursor of a page with the same filters")
    return BadRequest(
        "The cursor belongs to another list or filter. Omit it to start at the first page.",
        code="bad_cursor",
        errors=[fault],
    )
