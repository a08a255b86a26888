"""Messages that aiormq has read: those that were not taken out of the stream before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.content import Content
from clarion.bus.rabbitmq.deliveries import Deliveries


class SlowPath:
    """What aiormq calls for the consumers of one channel."""

    def __init__(self, channel: int, deliveries: Deliveries) -> None:
        self._channel = channel
        self._deliveries = deliveries

    async def deliver(self, message: DeliveredMessage) -> None:
        """Give it to its consumer as `deliveries` would; one that is gone gets it no more."""
        delivery = cast(Basic.Deliver, message.delivery)
        consumer_tag, delivery_tag = delivery.consumer_tag or "", delivery.delivery_tag or 0
        deliver, link = self._deliveries.consumer_of(self._channel, consumer_tag)
        content = self._deliveries.undecodable_of(self._channel, delivery_tag)
        content = content or _content_of(message)
        deliver(
            Received(
                message.body,
                content.content_type,
                content.headers,
                delivery.routing_key or "",
                bool(delivery.redelivered),
                content.user_id,
                delivery_tag,
                link,
                content.undecodable,
                delivery.exchange or "",
            )
        )


def _content_of(message: DeliveredMessage) -> Content:
    properties = message.header.properties
    headers = cast("Mapping[str, object] | None", properties.headers)
    size = len(message.body)
    return Content(size, properties.content_type or "", headers or {}, properties.user_id or None)
