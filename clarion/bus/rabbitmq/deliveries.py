"""Messages for our consumers, taken out of the stream that aiormq reads. No I/O.

aiormq awaits each frame three times, copies it twice, and begins a task for each message. Here
whole messages are taken out as they arrive (AMQP 0-9-1, sections 2.3.5 and 4.2); every other frame
is left as it came. `bench/deliveries.py` has the figures.

aiormq ends the connection over a property that it cannot decode. So it reads none that others have
chosen: what is delivered to a consumer that is gone is dropped here, for it comes again, and a
content header that cannot be decoded is left without its properties.
"""

from __future__ import annotations

from collections.abc import Callable

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.content import (
    HEAD,
    Content,
    Delivery,
    read_content,
    read_delivery,
    without_properties,
)
from clarion.bus.rabbitmq.properties import SHORT_FRAME

METHOD, CONTENT, BODY, HEARTBEAT = 1, 2, 3, 8
END = 0xCE
KINDS = {METHOD, CONTENT, BODY, HEARTBEAT}
DELIVER = bytes((0, 60, 0, 60))

Deliver = Callable[[Received], None]
Consumer = tuple[Deliver, int]
"""Who is given messages, and the link that they are of."""


class Deliveries:
    """Of one connection. `taken` counts the frames that were taken out."""

    def __init__(self) -> None:
        self._consumers: dict[tuple[int, str], Consumer] = {}
        self._messages: dict[int, _Message] = {}
        self._parts: list[bytes] = []
        self._missing = 0
        self._is_amqp = True
        self.taken = 0

    def consume(self, channel: int, tag: str, deliver: Deliver, link: int) -> None:
        """From now on give what is for this consumer to `deliver`, as of this link."""
        self._consumers[channel, tag] = deliver, link

    def forget(self, channel: int, tag: str) -> None:
        """What still comes for this consumer is dropped."""
        self._consumers.pop((channel, tag), None)

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
            if not self._begins(channel, data, start, end):
                return None
        elif (message := self._messages.get(channel)) is None:
            return _made_safe(data[start:end]) if kind == CONTENT else None
        elif kind == BODY:
            message.add(data[start + HEAD.size : end - 1])
            self._end_if_whole(channel, message)
        elif kind == CONTENT:
            message.describe(data[start:end])
            self._end_if_whole(channel, message)
        else:
            return None
        self.taken += 1
        return b""

    def _begins(self, channel: int, data: bytes, start: int, end: int) -> bool:
        self._messages.pop(channel, None)
        if not data.startswith(DELIVER, start + HEAD.size):
            return False
        delivery = read_delivery(data[start:end])
        consumer = self._consumers.get((channel, delivery.consumer_tag), NOBODY)
        self._messages[channel] = _Message(consumer, delivery)
        return True

    def _end_if_whole(self, channel: int, message: _Message) -> None:
        if message.missing <= 0:
            del self._messages[channel]
            message.deliver()


def _drop(_: Received) -> None:
    """It comes again: its consumer was closed before it was settled."""


def _made_safe(frame: bytes) -> bytes | None:
    """None where aiormq can decode the content header, of what was returned to us."""
    return None if read_content(frame).undecodable is None else without_properties(frame)


NOBODY: Consumer = (_drop, 0)
NO_CONTENT = Content(0, "", {}, None)


class _Message:
    """One that is not complete."""

    __slots__ = ("_consumer", "_content", "_delivery", "_parts", "missing")

    def __init__(self, consumer: Consumer, delivery: Delivery) -> None:
        self._consumer = consumer
        self._delivery = delivery
        self._content = NO_CONTENT
        self._parts: list[bytes] = []
        self.missing = 0

    def describe(self, frame: bytes) -> None:
        self._content = read_content(frame, self._delivery.fault)
        self.missing = self._content.body_bytes

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.missing -= len(part)

    def deliver(self) -> None:
        deliver, link = self._consumer
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
                link,
                content.undecodable,
                delivery.exchange,
            )
        )
