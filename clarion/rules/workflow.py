"""The workflow of an event: the input of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clarion.contracts.event import Event

DEFAULT_CHANNELS = ("inbox",)


@dataclass(frozen=True, slots=True)
class Workflow:
    """The content, channels and times of an event, with every default filled in."""

    title: str
    body: str | None
    url: str | None
    image: str | None
    actor: str | None
    category: str | None
    lane: str
    channels: tuple[str, ...]
    send_at: datetime | None
    expires_at: datetime | None


def default_workflow(event: Event, lane: str) -> Workflow:
    """The workflow of an event type without one: the event's content, else its type as the
    title."""
    content = event.content
    return Workflow(
        title=content.title if content else event.type,
        body=content.body if content else None,
        url=content.url if content else None,
        image=content.image if content else None,
        actor=content.actor if content else None,
        category=event.category,
        lane=event.lane or lane,
        channels=tuple(dict.fromkeys(event.channels)) if event.channels else DEFAULT_CHANNELS,
        send_at=event.send_at,
        expires_at=event.expires_at,
    )
