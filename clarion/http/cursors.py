"""Page cursors: opaque, good only for the list and the filters that they were made for.

A cursor is a tag of what it is for, and a position as JSON. With a secret the tag is a signature.
Without one it only tells the cursors of different lists apart: enough where a forged cursor opens
nothing that its bearer may not read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TypeVar

import msgspec

TAG_BYTES = 16

Position = TypeVar("Position")


class ForeignCursor(Exception):
    """A cursor that was not made here for this list with these filters."""


class Cursors:
    """Makes and opens cursors. Processes with the same secret understand each other's."""

    def __init__(self, *secrets: str) -> None:
        """Signed with the first secret; cursors of the others still hold. Unsigned without any."""
        self._keys = [_key_of(secret) for secret in secrets] or [b""]

    def make(self, position: object, *, about: object) -> str:
        """The cursor that goes on after `position`; `about` is the list and its filters."""
        encoded = msgspec.json.encode(position)
        tag = _tag(self._keys[0], about, encoded)
        return base64.urlsafe_b64encode(tag + encoded).rstrip(b"=").decode()

    def open(self, cursor: str, *, about: object, kind: type[Position]) -> Position:
        """The position to go on after. Raises `ForeignCursor`."""
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            data = base64.b64decode(padded, altchars=b"-_", validate=True)
            tag, encoded = data[:TAG_BYTES], data[TAG_BYTES:]
            if any(hmac.compare_digest(tag, _tag(key, about, encoded)) for key in self._keys):
                return msgspec.json.decode(encoded, type=kind)
        except (binascii.Error, msgspec.MsgspecError, ValueError):
            pass
        raise ForeignCursor


def _key_of(secret: str) -> bytes:
    return hashlib.sha256(b"clarion cursor\0" + secret.encode()).digest()


def _tag(key: bytes, about: object, position: bytes) -> bytes:
    context = msgspec.json.encode(about, order="sorted")
    return hmac.digest(key, context + b"\0" + position, "sha256")[:TAG_BYTES]
