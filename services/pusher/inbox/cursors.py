"""Opaque cursors: a place in a list, bound to the filters of the list.

They hold nothing that opens another inbox: whose it is always comes from the token.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.errors import FieldError, Invalid

MAX_CHARACTERS = 512


class Place(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """After this item of the list that `of` names; with the epoch that its version belongs to."""

    of: str
    version: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    id: UUID
    epoch: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Place).decode


def write_cursor(place: Place) -> str:
    """The cursor for a place."""
    parts = [place.of, place.version, place.id]
    fields = parts if place.epoch is None else [*parts, place.epoch]
    return base64.urlsafe_b64encode(_encode(fields)).rstrip(b"=").decode()


def read_cursor(cursor: str, of: str) -> Place:
    """The place. Raises `Invalid` for a cursor that we did not make, or made for other filters."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = _decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise _refused("must be the next_cursor of a page of this list") from None
    if place.of != of:
        raise _refused("belongs to a list with other filters: leave it out to start over")
    return place


def _refused(message: str) -> Invalid:
    return Invalid("The cursor is not valid.", errors=[FieldError("cursor", message)])
