"""From aiormq's delivery to `Received`."""

from __future__ import annotations

from typing import cast

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from clarion.bus.protocol import Received


def received(message: DeliveredMessage, generation: int) -> Received:
    """Headers pass as given, whatever their type; a missing content type is the empty text."""
    delivery = cast(Basic.Deliver, message.delivery)
    properties = message.header.properties
    return Received(
        message.body,
        properties.content_type or "",
        properties.headers or {},
        delivery.routing_key or "",
        bool(delivery.redelivered),
        properties.user_id or None,
        delivery.delivery_tag or 0,
        generation,
    )
