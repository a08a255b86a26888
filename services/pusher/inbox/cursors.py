"""Cursors of the lists of an inbox.

They are unsigned, because a pusher may have no secret, and hold nothing that opens another inbox:
whose it is always comes from the token.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clarion.errors import FieldError, Invalid
from clarion.http.cursors import Cursors, ForeignCursor

MAX_CHARACTERS = 512

_cursors = Cursors()


class Place(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """After this item of a list; with the epoch that its version belongs to."""

    version: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    id: UUID
    epoch: str | None = None


def write_cursor(place: Place, of: str) -> str:
    """The cursor for a place in the list that `of` names, with its filters."""
    return _cursors.make(place, about=of)


def read_cursor(cursor: str, of: str) -> Place:
    """The place. Raises `Invalid` for a cursor that we did not make, or made for other filters."""
    try:
        return _cursors.open(cursor, about=of, kind=Place)
    except ForeignCursor:
        message = "must be the next_cursor of a page with the same filters"
        raise Invalid("The cursor is not valid.", errors=[FieldError("cursor", message)]) from None
