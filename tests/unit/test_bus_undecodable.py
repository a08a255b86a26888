"""What others may send as properties is one message, whatever octets it holds."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.frame import marshal, unmarshal
from pamqp.header import ContentHeader

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.content_header import read_content_header
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser
from tests.support.raw_amqp import FLAGS, header, long, properties, short

NOT_UTF8 = b"\xf0\x28\x8c\xbc"
UUID = bytes.fromhex("8c79f1bd2c3b4f5e9ad1ff00c0ffee00")
ENDLESS = (1 << 64) - 1
DEEP = 5_000


def nested(kind: bytes, depth: int) -> bytes:
    """A header that holds a table, or an array, that holds one that ... is empty."""
    name = short(b"") if kind == b"F" else b""
    value = long(b"")
    for _ in range(depth):
        value = long(name + kind + value)
    return header(b"deep", kind, value)


def frames(listed: bytes, body: bytes = b"body", key: bytes = b"normal", tag: int = 1) -> bytes:
    """A message as the broker delivers it."""
    deliver = struct.pack(">HH", 60, 60) + short(b"ours") + struct.pack(">QB", tag, 0)
    deliver += short(b"clarion.events") + short(key)
    content = struct.pack(">HHQ", 60, 0, len(body)) + listed
    return b"".join(
        struct.pack(">BHL", kind, 1, len(payload)) + payload + b"\xce"
        for kind, payload in ((1, deliver), (2, content), (3, body))
    )


def heard(*messages: bytes) -> list[Received]:
    """What a consumer is given of a stream; aiormq is left nothing of it."""
    received: list[Received] = []
    deliveries = DeliveryParser()
    deliveries.consume(1, "ours", received.append, 3)
    assert deliveries.take(b"".join(messages)) == b""
    return received


GOOD = frames(properties({"content_type": b"text/plain"}))
TEXTS = [
    name for name in FLAGS if name not in ("headers", "delivery_mode", "priority", "timestamp")
]


@pytest.mark.parametrize(
    ("listed", "fault"),
    [
        *(
            (properties({name: octets}), name.replace("_", " ").replace("reply to", "reply-to"))
            for name in TEXTS
            for octets in (NOT_UTF8, UUID)
        ),
        (properties({"timestamp": struct.pack(">Q", ENDLESS)}), "timestamp"),
        *(
            (properties({"headers": long(entry)}), "headers")
            for entry in (
                header(NOT_UTF8, b"t", b"\1"),
                header(b"when", b"T", struct.pack(">Q", ENDLESS)),
                header(b"what", b"?", b""),
                nested(b"F", DEEP),
                nested(b"A", DEEP),
                header(b"inner", b"F", long(header(NOT_UTF8, b"V", b""))),
                header(b"long", b"S", struct.pack(">L", 1 << 31) + b"short"),
            )
        ),
        (properties({}, flags=1), "flags"),
        (properties({}, flags=2), "flags"),
        (properties({"message_id": b"x"}) + b"more", "end of the properties"),
        (struct.pack(">H", FLAGS["message_id"]) + b"\xff", "end of the properties"),
        (b"\x80", "end of the properties"),
    ],
)
def test_it_is_told_and_harms_no_neighbour(listed: bytes, fault: str) -> None:
    first, bad, last = heard(GOOD, frames(listed), GOOD)
    assert (first, last) == (heard(GOOD)[0], heard(GOOD)[0])
    assert first.undecodable is None
    assert bad.undecodable is not None
    assert fault in bad.undecodable.detail
    assert (bad.undecodable.properties, bad.body) == (listed, b"body")


def test_what_can_be_read_of_it_is_given() -> None:
    fields = {
        "content_type": b"text/\xffplain",
        "headers": long(
            header(b"good", b"S", long(b"kept"))
            + header(NOT_UTF8, b"S", long(b"lost"))
            + header(b"number", b"l", struct.pack(">q", -7))
        ),
        "message_id": UUID,
        "user_id": b"shop",
    }
    (bad,) = heard(frames(properties(fields)))
    assert (bad.content_type, bad.headers) == (r"text/\xffplain", {"good": "kept", "number": -7})
    assert (bad.user_id, bad.body) == ("shop", b"body")


def test_how_often_the_broker_gave_it_out_is_no_part_of_it() -> None:
    headers = header(b"a", b"t", b"\1"), header(b"z", b"t", b"\0")
    count = header(b"x-delivery-count", b"l", struct.pack(">q", 1))
    before = properties({"headers": long(b"".join(headers)), "message_id": UUID})
    after = properties({"headers": long(headers[0] + count + headers[1]), "message_id": UUID})
    (again,) = heard(frames(after))
    assert again.undecodable is not None
    assert again.undecodable.properties == before


def test_a_routing_key_that_is_no_text_makes_a_message_undecodable() -> None:
    listed = properties({"content_type": b"text/plain"})
    (bad,) = heard(frames(listed, key=b"\xff"))
    assert bad.undecodable is not None
    assert bad.undecodable.faults == ("routing key",)
    assert (bad.undecodable.properties, bad.routing_key) == (listed, r"\xff")


def test_a_content_header_of_no_delivery_reaches_aiormq_without_what_it_cannot_decode() -> None:
    returned = marshal(Basic.Return(312, "NO_ROUTE", "clarion.events", "x"), 1)
    content = struct.pack(">HHQ", 60, 0, 0) + properties({"message_id": UUID})
    frame = struct.pack(">BHL", 2, 1, len(content)) + content + b"\xce"
    left = DeliveryParser().take(returned + frame)
    assert left.startswith(returned)
    used, channel, safe = unmarshal(left[len(returned) :])
    assert isinstance(safe, ContentHeader)
    assert (used, channel, safe.body_size) == (len(left) - len(returned), 1, 0)


@given(st.binary(max_size=80), st.binary(max_size=9))
def test_no_octets_raise(listed: bytes, key: bytes) -> None:
    first, odd, last = heard(GOOD, frames(listed, key=key), GOOD)
    assert (first, odd.body, last) == (heard(GOOD)[0], b"body", heard(GOOD)[0])


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False, width=32),
        st.text(max_size=9),
        st.decimals(0, 1_000, places=2),
        st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
            lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = st.none() | st.text(min_size=1, max_size=9)


@given(
    st.builds(
        Basic.Properties,
        content_type=WORDS,
        content_encoding=WORDS,
        headers=st.none() | st.dictionaries(st.text(max_size=9), VALUES, max_size=4),
        delivery_mode=st.sampled_from([None, 1, 2]),
        priority=st.none() | st.integers(0, 255),
        correlation_id=WORDS,
        reply_to=WORDS,
        message_id=WORDS,
        timestamp=st.none() | st.just(datetime(2026, 1, 1, tzinfo=UTC)),
        user_id=WORDS,
        app_id=WORDS,
    )
)
def test_what_can_be_decoded_is_read_as_pamqp_reads_it(sent: Basic.Properties) -> None:
    frame = marshal(ContentHeader(body_size=5, properties=sent), 1)
    known = unmarshal(frame)[2]
    assert isinstance(known, ContentHeader)
    expected = known.properties
    found = read_content_header(frame)
    assert found == (
        5,
        expected.content_type or "",
        expected.headers or {},
        expected.user_id or None,
        None,
    )


def test_numbers_keep_their_types() -> None:
    table = long(
        header(b"D", b"D", struct.pack(">BL", 2, 1_234))
        + header(b"x", b"x", long(b"\0\xff"))
        + header(b"u", b"u", b"\xff\xff")
        + header(b"L", b"L", b"\xff" * 8)
        + header(b"I", b"I", b"\xff" * 4)
        + header(b"i", b"i", b"\xff" * 4)
        + header(b"S", b"S", long(b"\xff"))
    )
    (read,) = heard(frames(properties({"headers": table})))
    assert read.headers == {
        "D": Decimal("12.34"),
        "x": b"\0\xff",
        "u": 65_535,
        "L": -1,
        "I": -1,
        "i": (1 << 32) - 1,
        "S": b"\xff",
    }
