"""The broker, behind one small protocol (see `protocol`) with two answers: AMQP and memory."""

from clarion.bus.factory import migrate_bus, open_bus
from clarion.bus.protocol import (
    Bus,
    BusStatus,
    LiveSubscription,
    Message,
    Received,
    Subscription,
    SubscriptionClosed,
)

__all__ = [
    "Bus",
    "BusStatus",
    "LiveSubscription",
    "Message",
    "Received",
    "Subscription",
    "SubscriptionClosed",
    "migrate_bus",
    "open_bus",
]
