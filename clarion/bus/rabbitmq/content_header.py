"""The frames before the body of a message (AMQP 0-9-1, sections 2.3.5.2 and 1.8.3).

Nothing that a publisher may send raises here: an undecodable message is marked as such and affects
no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from clarion.bus.protocol import Undecodable
from clarion.bus.rabbitmq.field_table import read_table
from clarion.bus.rabbitmq.properties import (
    CONTENT_TYPE,
    HEADERS,
    NO_PROPERTY,
    PROPERTIES,
    UNREADABLE,
    USER_ID,
    must_end,
    read_short,
)
from clarion.bus.rabbitmq.salvage import salvage

HEAD = Struct(">BHL")
"""Of a frame: type, channel, and size of its payload, which one more octet ends."""
_DELIVERED = Struct(">QB")
_CONTENT = Struct(">QH")
_BODY_BYTES = Struct(">Q")
MAX_SHORT_BYTES = 255
_NO_HEADERS = b"\0\0\0\0"
_CONTENT_AT = HEAD.size + 4
_TAG_AT = _CONTENT_AT + 1
_FLAGS_AT = _CONTENT_AT + 8
_LIST_AT = _FLAGS_AT + 2
_OURS = 0b1011_0000_1001_0000
"""Content type, headers, delivery mode, message id and user id: what our publishers set."""


class BasicDeliver(NamedTuple):
    """A `basic.deliver`. `fault` describes an undecodable part."""

    consumer_tag: str
    delivery_tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    fault: str = ""


class ContentHeader(NamedTuple):
    """A content header, with the properties that consumers are given. Headers are as they came,
    whatever their type; a missing content type is the empty text.

    Where it is `undecodable`, the rest is what can be read of it.
    """

    body_bytes: int
    content_type: str
    headers: Mapping[str, object]
    user_id: str | None
    undecodable: Undecodable | None = None


def read_delivery(frame: bytes) -> BasicDeliver:
    """From a whole frame. Raises `SHORT_FRAME`."""
    try:
        return _read_delivery(frame, "strict", "")
    except UnicodeDecodeError:
        return _read_delivery(frame, "backslashreplace", "routing key")


def read_content_header(frame: bytes, fault: str = "") -> ContentHeader:
    """From a whole frame; with a `fault` in its `BasicDeliver` a message is undecodable as well.
    Raises `SHORT_FRAME` if even the size of the body is missing."""
    try:
        body_bytes, flags = _CONTENT.unpack_from(frame, _CONTENT_AT)
        if flags == _OURS and not fault:
            return _read_ours(frame, body_bytes)
        if not fault:
            return _read_any(frame, body_bytes, flags)
    except UNREADABLE:
        pass
    (body_bytes,) = _BODY_BYTES.unpack_from(frame, _CONTENT_AT)
    return ContentHeader(body_bytes, *salvage(frame, _FLAGS_AT, *filter(None, [fault])))


def without_properties(frame: bytes) -> bytes:
    """A content header for the same body, with nothing to trip over."""
    kind, channel, _ = HEAD.unpack_from(frame)
    payload = frame[HEAD.size : _FLAGS_AT] + b"\0\0"
    return HEAD.pack(kind, channel, len(payload)) + payload + frame[-1:]


def with_text_only(frame: bytes, delivery: BasicDeliver) -> bytes:
    """A `basic.deliver` whose names are text, as far as they were read."""
    kind, channel, _ = HEAD.unpack_from(frame)
    payload = b"".join(
        (
            frame[HEAD.size : _CONTENT_AT],
            _short(delivery.consumer_tag),
            _DELIVERED.pack(delivery.delivery_tag, delivery.redelivered),
            _short(delivery.exchange),
            _short(delivery.routing_key),
        )
    )
    return HEAD.pack(kind, channel, len(payload)) + payload + frame[-1:]


def _short(text: str) -> bytes:
    octets = text.encode()[:MAX_SHORT_BYTES].decode(errors="ignore").encode()
    return bytes((len(octets),)) + octets


def _read_delivery(frame: bytes, errors: str, fault: str) -> BasicDeliver:
    """`errors` is what becomes of text that is not UTF-8."""
    at = _TAG_AT + frame[_TAG_AT - 1]
    consumer_tag = frame[_TAG_AT:at].decode("utf-8", errors)
    delivery_tag, redelivered = _DELIVERED.unpack_from(frame, at)
    exchange_at = at + _DELIVERED.size + 1
    at = exchange_at + frame[exchange_at - 1]
    exchange = frame[exchange_at:at].decode("utf-8", errors)
    key_at = at + 1
    routing_key = frame[key_at : key_at + frame[at]].decode("utf-8", errors)
    return BasicDeliver(consumer_tag, delivery_tag, bool(redelivered), exchange, routing_key, fault)


def _read_ours(frame: bytes, body_bytes: int) -> ContentHeader:
    """What `_read_any` does, for a fraction of its cost: `read_short` is written out."""
    at = _LIST_AT + 1 + frame[_LIST_AT]
    content_type = frame[_LIST_AT + 1 : at].decode()
    if frame.startswith(_NO_HEADERS, at):
        headers, at = {}, at + 4
    else:
        headers, at = read_table(frame, at)
    message_id_at = at + 2  # behind the delivery mode and its own length
    at = message_id_at + frame[at + 1]
    frame[message_id_at:at].decode()
    user_id_at = at + 1
    at = user_id_at + frame[at]
    user_id = frame[user_id_at:at].decode()
    if at != len(frame) - 1:
        raise ValueError("the properties do not end where their frame does")
    return ContentHeader(body_bytes, content_type, headers, user_id or None)


def _read_any(frame: bytes, body_bytes: int, flags: int) -> ContentHeader:
    if flags & NO_PROPERTY:
        raise ValueError("flags that stand for no property")
    content_type, user_id, at = "", "", _LIST_AT
    headers: Mapping[str, object] = {}
    for flag, name, read in PROPERTIES:
        if not flags & flag:
            continue
        if name == CONTENT_TYPE:
            content_type, at = read_short(frame, at)
        elif name == HEADERS:
            headers, at = read_table(frame, at)
        elif name == USER_ID:
            user_id, at = read_short(frame, at)
        else:
            _, at = read(frame, at)
    must_end(frame, at)
    return ContentHeader(body_bytes, content_type, headers, user_id or None)
