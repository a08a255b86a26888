"""What a consumer is told of a message before its body (AMQP 0-9-1, sections 2.3.5.2 and 1.8.3).

pamqp reads any frame, argument by argument; the two of every message are read here, where they are
as our own publishers write them, for a fraction of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple, cast

from pamqp.decode import field_table
from pamqp.frame import unmarshal
from pamqp.header import ContentHeader

HEAD = Struct(">BHL")
"""Of a frame: type, channel, and size of its payload, which one more octet ends."""
_DELIVERED = Struct(">QB")
_CONTENT = Struct(">QH")
_CONTENT_AT = HEAD.size + 4
_LENGTH = Struct(">L")
_OURS = 0b1011_0000_1000_0000
"""Content type, headers, delivery mode and message id: the properties that our publishers set."""


class Delivery(NamedTuple):
    """A `basic.deliver`, without the name of its exchange."""

    consumer_tag: str
    delivery_tag: int
    redelivered: bool
    routing_key: str


class Content(NamedTuple):
    """A content header, with the properties that consumers are given. Headers are as they came,
    whatever their type; a missing content type is the empty text."""

    body_bytes: int
    content_type: str
    headers: Mapping[str, object]
    user_id: str | None


def read_delivery(frame: bytes) -> Delivery:
    """From a whole frame."""
    consumer_tag, at = _short(frame, HEAD.size + 4)
    delivery_tag, redelivered = _DELIVERED.unpack_from(frame, at)
    at += _DELIVERED.size
    routing_key, _ = _short(frame, at + 1 + frame[at])
    return Delivery(consumer_tag, delivery_tag, bool(redelivered), routing_key)


def read_content(frame: bytes) -> Content:
    """From a whole frame."""
    body_bytes, flags = _CONTENT.unpack_from(frame, _CONTENT_AT)
    if flags != _OURS:
        return _read_any_content(frame)
    content_type, at = _short(frame, _CONTENT_AT + _CONTENT.size)
    (headers_bytes,) = _LENGTH.unpack_from(frame, at)
    headers = field_table(frame[at:])[1] if headers_bytes else {}
    return Content(body_bytes, content_type, headers, None)


def _read_any_content(frame: bytes) -> Content:
    header = cast(ContentHeader, unmarshal(frame)[2])
    properties = header.properties
    return Content(
        header.body_size,
        properties.content_type or "",
        properties.headers or {},
        properties.user_id or None,
    )


def _short(frame: bytes, at: int) -> tuple[str, int]:
    """The short string that begins there, and where it ends."""
    end = at + 1 + frame[at]
    return frame[at + 1 : end].decode(), end
