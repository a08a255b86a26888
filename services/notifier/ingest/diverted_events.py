"""Events that the broker turned aside because they bear the header `x-death`; see
`IGNORES_FORGED_DEATHS` in `clarion.topology`. They are published to their lane again, as ours and
without their headers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from clarion.bus.protocol import Bus, Message, Received
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, encode_envelope
from clarion.contracts.event import LANES
from clarion.contracts.slice import SLICE_CONTENT_TYPE
from clarion.errors import BusUnavailable
from clarion.topology import EVENTS
from services.notifier.messages.parser import Malformed, MessageParser, ParsedMessage

log = structlog.get_logger("clarion.notifier")


def is_diverted(message: Received) -> bool:
    """Whether this, among dead letters, was on its way to a lane. What died bears the dead-letter
    exchange."""
    return message.exchange == EVENTS and message.routing_key in LANES


@dataclass(frozen=True, slots=True)
class DivertedEvent:
    """A message with what of it cannot become an event. It has to wait unless the broker took all
    that can."""

    message: Received
    malformed: Sequence[Malformed]
    is_published: bool


class DivertedEvents:
    """Brings events to their lane. Whose they are and what of them is malformed is decided as for
    those that came there by themselves; a second time does nothing, for events have their keys."""

    def __init__(self, bus: Bus, parser: MessageParser) -> None:
        self._bus = bus
        self._parser = parser

    async def publish_diverted(self, messages: Sequence[Received]) -> list[DivertedEvent]:
        """Publish all diverted messages; each is parsed once."""
        return await asyncio.gather(
            *(self._bring(message) for message in messages if is_diverted(message))
        )

    async def _bring(self, message: Received) -> DivertedEvent:
        parsed = self._parser.parse(message)
        return DivertedEvent(message, parsed.malformed, await self._publish(parsed))

    async def _publish(self, parsed: ParsedMessage) -> bool:
        message = parsed.message
        again: list[Message] = []
        if parsed.entries:
            again.append(Message(encode_envelope(parsed.entries), ENVELOPE_CONTENT_TYPE))
        if parsed.slice_ is not None:
            again.append(Message(message.body, SLICE_CONTENT_TYPE))
        try:
            for event in again:
                await self._bus.publish(EVENTS, message.routing_key, event)
        except BusUnavailable as error:
            log.warning("diverted_event_retried", error=type(error).__name__)
            return False
        return True
