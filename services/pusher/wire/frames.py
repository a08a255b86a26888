"""Server frames as bytes, with their WebSocket header.

A frame is encoded once, however many sessions it is written to. Server frames are not masked
(RFC 6455, 5.1) and never compressed: permessage-deflate needs more memory than a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

import msgspec

from clarion.contracts.frames import AnyServerFrame
from services.pusher.wire.close_codes import CloseCode

FINAL_TEXT, FINAL_CLOSE, FINAL_PING, FINAL_PONG = 0x81, 0x88, 0x89, 0x8A
MAX_CONTROL_BYTES = 125

PING = bytes((FINAL_PING, 0))

_medium = Struct("!BBH").pack
_large = Struct("!BBQ").pack
_encode = msgspec.json.Encoder().encode


def header(size: int) -> bytes:
    """The header of an unfragmented text message of so many bytes (RFC 6455, 5.2)."""
    if size <= MAX_CONTROL_BYTES:
        return bytes((FINAL_TEXT, size))
    if size < 1 << 16:
        return _medium(FINAL_TEXT, 126, size)
    return _large(FINAL_TEXT, 127, size)


HEADERS = 4096
_HEADERS = tuple(header(size) for size in range(HEADERS))
"""Precomputed for common sizes: packing one costs as much as writing the frame to a session."""


def text(payload: bytes) -> bytes:
    """One unfragmented text message; `payload` is UTF-8."""
    size = len(payload)
    return (_HEADERS[size] if size < HEADERS else header(size)) + payload


def texts(payloads: Iterable[bytes]) -> bytes:
    """One such message for each payload, joined."""
    parts: list[bytes] = []
    for payload in payloads:
        size = len(payload)
        parts.append(_HEADERS[size] if size < HEADERS else header(size))
        parts.append(payload)
    return b"".join(parts)


def encode(frame: AnyServerFrame) -> bytes:
    """A frame of `clarion.v1` as a text message."""
    return text(_encode(frame))


def body_of(frame: AnyServerFrame) -> bytes:
    """A frame as JSON: the body of an announcement."""
    return _encode(frame)


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The first byte and payload of each frame in bytes made by this module."""
    at = 0
    while at < len(data):
        first, size, head = data[at], data[at + 1], at + 2
        if size > MAX_CONTROL_BYTES:
            width = 2 if size == 126 else 8
            size, head = int.from_bytes(data[head : head + width], "big"), head + width
        at = head + size
        yield first, data[head:at]


def close(code: CloseCode, reason: str | None = None) -> bytes:
    """A close frame with a reason of at most 123 bytes."""
    return echo_close(code.code.to_bytes(2, "big") + (reason or code.name).encode())


def echo_close(payload: bytes) -> bytes:
    """A close frame with the payload of the peer's."""
    return bytes((FINAL_CLOSE, len(payload))) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return bytes((FINAL_PONG, len(payload))) + payload
