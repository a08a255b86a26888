"""The properties of a message, one by one (AMQP 0-9-1, section 1.8.3).

Publishers choose them and RabbitMQ validates few: text that is not UTF-8 and invalid times arrive
as they were sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import Struct

from clarion.bus.rabbitmq.field_table import read_moment, read_table

SHORT_FRAME = (IndexError, struct.error)
"""What reading raises where a frame ends before what it must hold."""
UNREADABLE = (*SHORT_FRAME, ValueError, OverflowError, OSError)
"""What reading a property raises."""

LENGTH = Struct(">L")
NO_PROPERTY = 0b0011
"""Flags that stand for none; RabbitMQ passes them on."""

Read = Callable[[bytes, int], tuple[object, int]]


def read_short(frame: bytes, at: int) -> tuple[str, int]:
    """The short string that begins there, and where it ends. Raises `UNREADABLE`."""
    end = at + 1 + frame[at]
    return frame[at + 1 : end].decode(), end


def show_short(frame: bytes, at: int) -> tuple[str, int]:
    """As `read_short`, whatever octets it holds."""
    end = at + 1 + frame[at]
    return frame[at + 1 : end].decode(errors="backslashreplace"), end


def read_octet(frame: bytes, at: int) -> tuple[int, int]:
    """The octet that stands there, and where it ends."""
    return frame[at], at + 1


CONTENT_TYPE, HEADERS, USER_ID = "content type", "headers", "user id"

_IN_ORDER: tuple[tuple[str, Read], ...] = (
    (CONTENT_TYPE, read_short),
    ("content encoding", read_short),
    (HEADERS, read_table),
    ("delivery mode", read_octet),
    ("priority", read_octet),
    ("correlation id", read_short),
    ("reply-to", read_short),
    ("expiration", read_short),
    ("message id", read_short),
    ("timestamp", read_moment),
    ("type", read_short),
    (USER_ID, read_short),
    ("app id", read_short),
    ("cluster id", read_short),
)

PROPERTIES: tuple[tuple[int, str, Read], ...] = tuple(
    (1 << 15 - n, name, read) for n, (name, read) in enumerate(_IN_ORDER)
)
"""Flag, name and reader of each, in the order in which they stand."""


def end_of(frame: bytes, at: int, read: Read) -> int:
    """Where a property ends, whatever it holds. Raises `SHORT_FRAME`."""
    if read is read_short:
        return at + 1 + frame[at]
    if read is read_table:
        return at + LENGTH.size + int(LENGTH.unpack_from(frame, at)[0])
    return at + (1 if read is read_octet else 8)


def must_end(frame: bytes, at: int) -> None:
    """Raises `ValueError` unless the payload of the frame ends there."""
    if at != len(frame) - 1:
        raise ValueError("the properties do not end where their frame does")
