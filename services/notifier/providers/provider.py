"""The protocol of providers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from clarion.render.content import RenderedContent
from clarion.rules.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery to send. `id` is the same at every attempt: the idempotency key."""

    id: UUID
    tenant: str
    channel: str
    recipient: str
    content: RenderedContent
    created_at: datetime


class Provider(Protocol):
    """Sends deliveries of one channel."""

    @property
    def name(self) -> str:
        """The name in recorded attempts; contains no secret."""
        ...

    async def send(self, delivery: Outgoing) -> Outcome:
        """Try once, within the provider's time limit. Never raises for errors of the provider or
        the network."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
