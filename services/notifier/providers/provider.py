"""What Clarion asks of a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from clarion.render.content import RenderedContent
from clarion.rules.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery on its way. `id` is the same at every attempt: the idempotency key."""

    id: UUID
    tenant: str
    channel: str
    recipient: str
    content: RenderedContent
    created_at: datetime


class Provider(Protocol):
    """Carries one channel."""

    @property
    def name(self) -> str:
        """As recorded in attempts; holds no secret."""
        ...

    async def send(self, delivery: Outgoing) -> Outcome:
        """Try once, within the provider's own time limit. Never raises for what the provider or
        the network does."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
