"""Broadcasts from the gateway to all pushers."""

from __future__ import annotations

import msgspec
import structlog

from clarion.bus.protocol import Bus, Message
from clarion.contracts.revocation import REVOCATION_CONTENT_TYPE, Revocation
from clarion.errors import BusUnavailable
from clarion.topology import LIVE, LIVE_ALL

log = structlog.get_logger("clarion.gateway")


async def broadcast_revocation(bus: Bus, revocation: Revocation) -> None:
    """Publish a stored revocation, so that it takes effect at once. Without the broker, pushers
    find it in the store some seconds later."""
    body = msgspec.msgpack.encode(revocation)
    message = Message(body, REVOCATION_CONTENT_TYPE, persistent=False)
    try:
        await bus.publish(LIVE, LIVE_ALL, message, mandatory=False)
    except BusUnavailable as error:
        log.warning("revocation_not_announced", code=error.code)
