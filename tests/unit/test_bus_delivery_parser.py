"""Messages are taken out of the stream whole, and everything else stays as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.frame import FrameTypes, marshal, unmarshal
from pamqp.header import ContentHeader, ProtocolHeader
from pamqp.heartbeat import Heartbeat

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser
from clarion.bus.rabbitmq.frame_tap import ALIVE, ALIVE_EVERY_S, FrameTap

OURS, THEIRS = "ours", "theirs"
PROPERTIES = st.builds(
    Basic.Properties,
    content_type=st.one_of(st.none(), st.text(max_size=20)),
    content_encoding=st.one_of(st.none(), st.just("gzip")),
    headers=st.one_of(
        st.none(), st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9), max_size=3)
    ),
    delivery_mode=st.sampled_from([None, 1, 2]),
    message_id=st.one_of(st.none(), st.text(min_size=1, max_size=9)),
    user_id=st.one_of(st.none(), st.just("shop")),
)
METHODS: Sequence[Frame] = (
    Basic.Ack(7, True),
    Basic.ConsumeOk(OURS),
    Basic.Cancel(OURS, True),
    Channel.Flow(True),
)


class Sent:
    """A message and the frames that it is sent in."""

    def __init__(
        self, to: str, channel: int, tag: int, body: bytes, piece: int, properties: Basic.Properties
    ) -> None:
        self.to, self.channel = to, channel
        delivery = Basic.Deliver(to, tag, tag % 2 == 1, "clarion.live", f"key.{tag}")
        header = ContentHeader(body_size=len(body), properties=properties)
        pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
        frames: list[FrameTypes] = [delivery, header, *map(ContentBody, pieces)]
        self.frames = [marshal(one, channel) for one in frames]
        self.received = Received(
            body,
            properties.content_type or "",
            properties.headers or {},
            f"key.{tag}",
            tag % 2 == 1,
            properties.user_id or None,
            tag,
            3,
            exchange="clarion.live",
        )


SENT = st.builds(
    Sent,
    to=st.sampled_from([OURS, THEIRS]),
    channel=st.sampled_from([1, 2]),
    tag=st.integers(1, 1 << 40),
    body=st.binary(max_size=40),
    piece=st.integers(1, 15),
    properties=PROPERTIES,
)
OTHER = st.one_of(
    st.sampled_from([marshal(Heartbeat(), 0)]),
    st.builds(marshal, st.sampled_from(METHODS), st.sampled_from([1, 2, 3])),
)


def chunks(stream: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """The stream as a network may hand it over."""
    at = 0
    for size in sizes:
        yield stream[at : at + size]
        at += size
    yield stream[at:]


@given(st.lists(st.one_of(SENT, OTHER), max_size=8), st.lists(st.integers(0, 60), max_size=30))
def test_a_stream_is_divided_however_it_is_cut(parts: list[Sent | bytes], sizes: list[int]) -> None:
    heard: list[Received] = []
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, heard.append, 3)
    frames = [frame for one in parts for frame in (one.frames if isinstance(one, Sent) else [one])]
    left = b"".join(deliveries.take(one) for one in chunks(b"".join(frames), sizes))
    mine = [one for one in parts if isinstance(one, Sent) and (one.to, one.channel) == (OURS, 1)]
    assert heard == [one.received for one in mine]
    assert deliveries.taken == sum(len(one.frames) for one in mine)
    others = [one.frames if isinstance(one, Sent) else [one] for one in parts if one not in mine]
    assert left == b"".join(frame for frames in others for frame in frames)


def nobody(message: Received) -> None:
    raise AssertionError(message)


def sent(body: bytes, to: str = OURS, channel: int = 1) -> Sent:
    """A message as our own publishers write it."""
    properties = Basic.Properties(content_type="t", headers={}, delivery_mode=1, message_id="1")
    return Sent(to, channel, 5, body, 4, properties)


def test_messages_of_two_channels_may_be_interleaved() -> None:
    heard: list[Received] = []
    deliveries = DeliveryParser()
    for channel in (1, 2):
        deliveries.consume(channel, OURS, heard.append, 3)
    one, two = sent(b"one"), sent(b"second", channel=2)
    frames = [two.frames[0], *one.frames, *two.frames[1:]]
    assert deliveries.take(b"".join(frames)) == b""
    assert heard == [one.received, two.received]


def test_a_message_that_its_channel_breaks_off_is_given_to_nobody() -> None:
    heard: list[Received] = []
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, heard.append, 3)
    closed = marshal(Channel.Close(320, "closed", 0, 0), 1)
    whole = sent(b"second")
    stream = b"".join([*sent(b"first").frames[:-1], closed, *whole.frames])
    assert deliveries.take(stream) == closed
    assert heard == [whole.received]


def test_what_comes_for_who_is_forgotten_is_dropped_before_aiormq_reads_it() -> None:
    heard: list[Received] = []
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, heard.append, 3)
    deliveries.forget(1, OURS)
    assert (deliveries.take(b"".join(sent(b"late").frames)), heard) == (b"", [])


def test_a_message_for_somebody_unknown_is_left_whole() -> None:
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, nobody, 3)
    frames = b"".join([*sent(b"theirs", to=THEIRS).frames, *sent(b"x", channel=2).frames])
    assert (deliveries.take(frames), deliveries.taken) == (frames, 0)


def test_a_channel_that_was_closed_drops_nothing_of_its_next_life() -> None:
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, nobody, 3)
    deliveries.forget(1, OURS)
    frames = b"".join([marshal(Channel.CloseOk(), 1), *sent(b"anew").frames])
    assert deliveries.take(frames) == frames


def test_all_is_left_where_nothing_is_to_be_taken_out() -> None:
    deliveries = DeliveryParser(takes_out=False)
    deliveries.consume(1, OURS, nobody, 3)
    frames = b"".join(sent(b"slow").frames)
    assert (deliveries.take(frames), deliveries.taken) == (frames, 0)


def test_names_that_are_no_text_are_escaped_before_aiormq_reads_them() -> None:
    frames = sent(b"theirs", to=THEIRS).frames
    head = frames[0].replace(b"key.5", b"k\xff\xfe.5")
    left = DeliveryParser().take(b"".join([head, *frames[1:]]))
    _, channel, delivery = unmarshal(left)
    assert channel == 1
    assert isinstance(delivery, Basic.Deliver)
    assert (delivery.consumer_tag, delivery.delivery_tag) == (THEIRS, 5)
    assert (delivery.exchange, delivery.routing_key) == ("clarion.live", r"k\xff\xfe.5")


@pytest.mark.parametrize("answer", [ProtocolHeader(0, 9, 1).marshal(), b"HTTP/1.1 400 Bad Request"])
def test_what_is_no_amqp_is_left_as_it_came(answer: bytes) -> None:
    deliveries = DeliveryParser()
    rest = b"".join(sent(b"no message").frames)
    assert deliveries.take(answer[:8]) + deliveries.take(answer[8:] + rest) == answer + rest


def test_a_frame_without_its_end_is_aiormqs_to_refuse() -> None:
    heard: list[Received] = []
    deliveries = DeliveryParser()
    deliveries.consume(1, OURS, heard.append, 3)
    good, broken, rest = sent(b"good"), sent(b"broken"), sent(b"rest")
    broken.frames[1] = broken.frames[1][:-1] + b"\0"
    tail = b"".join([*broken.frames[1:], *rest.frames])
    assert deliveries.take(b"".join([*good.frames, broken.frames[0]]) + tail) == tail
    assert deliveries.take(b"more") == b"more"
    assert heard == [good.received]


class Behind(asyncio.Protocol):
    """aiormq's place."""

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.read.append(data)


class Transport:
    """Hands over its protocol."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


def test_for_what_is_taken_out_a_heartbeat_is_read_once_in_a_while() -> None:
    now = 0.0
    behind, deliveries = Behind(), DeliveryParser()
    transport = Transport(behind)
    FrameTap(cast(asyncio.Transport, transport), deliveries, lambda: now)
    line = cast(asyncio.Protocol, transport.protocol)
    deliveries.consume(1, OURS, lambda _: None, 3)
    message, other = b"".join(sent(b"body").frames), marshal(Basic.Ack(1, False), 1)
    line.data_received(other)
    assert behind.read == [other]
    line.data_received(message)
    line.data_received(message)
    assert behind.read == [other, ALIVE]
    now = ALIVE_EVERY_S
    line.data_received(message[:30])
    line.data_received(message[30:])
    assert behind.read == [other, ALIVE, ALIVE]
    now = 9 * ALIVE_EVERY_S
    line.data_received(other)
    assert behind.read == [other, ALIVE, ALIVE, other]
