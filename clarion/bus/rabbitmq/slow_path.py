"""Messages that aiormq has read: those that were not taken out of the stream before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.content_header import ContentHeader
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser


class SlowPath:
    """What aiormq calls for the consumers of one channel."""

    def __init__(self, channel: int, parser: DeliveryParser) -> None:
        self._channel = channel
        self._parser = parser

    async def deliver(self, message: DeliveredMessage) -> None:
        """Pass it to its consumer as `parser` would, unless the consumer has ended."""
        delivery = cast(Basic.Deliver, message.delivery)
        consumer_tag, delivery_tag = delivery.consumer_tag or "", delivery.delivery_tag or 0
        deliver, channel_generation = self._parser.consumer_of(self._channel, consumer_tag)
        content = self._parser.undecodable_of(self._channel, delivery_tag)
        content = content or _content_header_of(message)
        deliver(
            Received(
                message.body,
                content.content_type,
                content.headers,
                delivery.routing_key or "",
                bool(delivery.redelivered),
                content.user_id,
                delivery_tag,
                channel_generation,
                content.undecodable,
                delivery.exchange or "",
            )
        )


def _content_header_of(message: DeliveredMessage) -> ContentHeader:
    properties = message.header.properties
    headers = cast("Mapping[str, object] | None", properties.headers)
    size = len(message.body)
    return ContentHeader(
        size, properties.content_type or "", headers or {}, properties.user_id or None
    )
