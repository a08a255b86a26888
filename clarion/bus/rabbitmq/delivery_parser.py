"""Messages for our consumers, taken out of the stream that aiormq reads. No I/O.

aiormq awaits each frame three times, copies it twice, and begins a task for each message. Here
whole messages are taken out as they arrive (AMQP 0-9-1, sections 2.3.5 and 4.2); every other frame
is left as it came. `bench/measures/deliveries.py` has the figures.

What is not recognised, such as a message for an unregistered consumer, takes the slow path: it is
left to aiormq, whose callback passes it on (`slow_path`). So do all messages where nothing is to be
taken out (`CLARION_AMQP_FRAME_TAP`).

aiormq ends the connection over a property that it cannot decode. So what cannot be decoded is not
left to it: a content header loses its properties, and a routing key is escaped. A delivery to a
consumer that has ended is dropped here; the broker redelivers it.
"""

from __future__ import annotations

from collections.abc import Callable

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.content_header import (
    HEAD,
    BasicDeliver,
    ContentHeader,
    read_content_header,
    read_delivery,
    with_text_only,
    without_properties,
)
from clarion.bus.rabbitmq.properties import SHORT_FRAME

METHOD, CONTENT, BODY, HEARTBEAT = 1, 2, 3, 8
END = 0xCE
KINDS = {METHOD, CONTENT, BODY, HEARTBEAT}
DELIVER = bytes((0, 60, 0, 60))
CHANNEL_CLOSED = (bytes((0, 20, 0, 40)), bytes((0, 20, 0, 41)))

Deliver = Callable[[Received], None]
Registration = tuple[Deliver, int]
"""Who receives the messages of a consumer, and their channel generation."""


class DeliveryParser:
    """Takes the messages of one connection out of its stream, unless `takes_out` is false. `taken`
    counts the frames taken out."""

    def __init__(self, *, takes_out: bool = True) -> None:
        self._takes_out = takes_out
        self._consumers: dict[tuple[int, str], Registration] = {}
        self._forgotten: dict[int, set[str]] = {}
        self._messages: dict[int, _Message] = {}
        self._left: dict[int, BasicDeliver] = {}
        self._undecodable: dict[tuple[int, int], ContentHeader] = {}
        self._parts: list[bytes] = []
        self._missing = 0
        self._is_amqp = True
        self.taken = 0

    def consume(self, channel: int, tag: str, deliver: Deliver, channel_generation: int) -> None:
        """Pass the messages for this consumer to `deliver` from now on."""
        self._consumers[channel, tag] = deliver, channel_generation

    def forget(self, channel: int, tag: str) -> None:
        """What still comes for this consumer is dropped, until its channel is closed."""
        self._consumers.pop((channel, tag), None)
        self._forgotten.setdefault(channel, set()).add(tag)

    def consumer_of(self, channel: int, tag: str) -> Registration:
        """The consumers of messages that are left to aiormq."""
        return self._consumers.get((channel, tag), UNREGISTERED_CONSUMER)

    def undecodable_of(self, channel: int, delivery_tag: int) -> ContentHeader | None:
        """What aiormq was not left of a message, once."""
        return self._undecodable.pop((channel, delivery_tag), None)

    def take(self, data: bytes) -> bytes:
        """What is left of the stream after `data` was added to it: whole frames."""
        left: list[bytes] = []
        at = 0
        while self._missing and at < len(data):
            part = data[at : at + self._missing]
            at += len(part)
            self._parts.append(part)
            self._missing -= len(part)
            if not self._missing:
                left.append(self._take(b"".join(self._parts), 0))
        if at < len(data):
            left.append(self._take(data, at))
        return b"".join(left)

    def _take(self, data: bytes, at: int) -> bytes:
        """As `take`, of what begins with a frame at `at`."""
        if not self._is_amqp:
            return data[at:]
        left: list[bytes] = []
        size, first, needed = len(data), at, HEAD.size
        while size - at >= HEAD.size:
            kind, channel, length = HEAD.unpack_from(data, at)
            needed = HEAD.size + length + 1
            is_whole = size - at >= needed
            if kind not in KINDS or (is_whole and data[at + needed - 1] != END):
                self._is_amqp = False  # or of another version: aiormq says what it is
                at = size
            if not is_whole or not self._is_amqp:
                break
            try:
                instead = self._instead(kind, channel, data, at, at + needed)
            except SHORT_FRAME:  # as much AMQP as one without its end
                self._is_amqp = False
                at = size
                break
            if instead is not None:
                if first != at or instead:
                    left += (data[first:at], instead)
                first = at + needed
            at += needed
            needed = HEAD.size
        left.append(data[first:at])
        self._parts = [data[at:]]
        self._missing = needed - (size - at) if at < size else 0
        return b"".join(left)

    def _instead(self, kind: int, channel: int, data: bytes, start: int, end: int) -> bytes | None:
        """What is left of the frame from `start` to `end`: nothing of a message that was delivered,
        None where it stays as it is. Raises `SHORT_FRAME`."""
        if kind == METHOD:
            if data.startswith(DELIVER, start + HEAD.size):
                return self._begin(channel, data[start:end])
            self._break_off(channel, data.startswith(CHANNEL_CLOSED, start + HEAD.size))
            return None
        if (message := self._messages.get(channel)) is None:
            return self._made_safe(channel, data[start:end]) if kind == CONTENT else None
        if kind == BODY:
            message.add(data[start + HEAD.size : end - 1])
            self._end_if_whole(channel, message)
        elif kind == CONTENT:
            message.describe(data[start:end])
            self._end_if_whole(channel, message)
        else:
            return None
        self.taken += 1
        return b""

    def _begin(self, channel: int, frame: bytes) -> bytes | None:
        delivery = read_delivery(frame)
        tag = delivery.consumer_tag
        consumer = self._consumers.get((channel, tag)) if self._takes_out else None
        if consumer is None and tag not in self._forgotten.get(channel, ()):
            self._messages.pop(channel, None)
            self._left[channel] = delivery
            return with_text_only(frame, delivery) if delivery.fault else None
        self._left.pop(channel, None)
        self._messages[channel] = _Message(consumer or UNREGISTERED_CONSUMER, delivery)
        self.taken += 1
        return b""

    def _break_off(self, channel: int, is_closed: bool) -> None:
        """Another method comes in the midst of a message, or after it."""
        self._messages.pop(channel, None)
        self._left.pop(channel, None)
        if is_closed:
            self._forgotten.pop(channel, None)
            for key in [one for one in self._undecodable if one[0] == channel]:
                del self._undecodable[key]

    def _made_safe(self, channel: int, frame: bytes) -> bytes | None:
        """None where aiormq can decode the content header, of what is left to it."""
        delivery = self._left.pop(channel, None)
        content = read_content_header(frame, delivery.fault if delivery else "")
        if content.undecodable is None:
            return None
        if delivery and (channel, delivery.consumer_tag) in self._consumers:
            self._undecodable[channel, delivery.delivery_tag] = content
        return without_properties(frame)

    def _end_if_whole(self, channel: int, message: _Message) -> None:
        if message.missing <= 0:
            del self._messages[channel]
            message.deliver()


def _drop(_: Received) -> None:
    """It is redelivered: its consumer was closed before it was settled."""


UNREGISTERED_CONSUMER: Registration = (_drop, 0)
NO_CONTENT_HEADER = ContentHeader(0, "", {}, None)


class _Message:
    """One that is not complete."""

    __slots__ = ("_consumer", "_content", "_delivery", "_parts", "missing")

    def __init__(self, consumer: Registration, delivery: BasicDeliver) -> None:
        self._consumer = consumer
        self._delivery = delivery
        self._content = NO_CONTENT_HEADER
        self._parts: list[bytes] = []
        self.missing = 0

    def describe(self, frame: bytes) -> None:
        self._content = read_content_header(frame, self._delivery.fault)
        self.missing = self._content.body_bytes

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.missing -= len(part)

    def deliver(self) -> None:
        deliver, channel_generation = self._consumer
        content, delivery, parts = self._content, self._delivery, self._parts
        deliver(
            Received(
                parts[0] if len(parts) == 1 else b"".join(parts),
                content.content_type,
                content.headers,
                delivery.routing_key,
                delivery.redelivered,
                content.user_id,
                delivery.delivery_tag,
                channel_generation,
                content.undecodable,
                delivery.exchange,
            )
        )
