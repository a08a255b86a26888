"""What is told to whom, on which channel, and why: pure, without I/O.

| reason | decision | when |
|---|---|---|
| `requested` | send | the event (or the default) asks for the channel |
| `scheduled` | hold | `send_at` is to come; `until` says when |
| `expired` | skip | `expires_at` has passed, or would have by `send_at` |
| `no_provider` | skip | nothing is configured that carries the channel |
| `no_address` | skip | the directory has no address of that kind |
| `invalid_address` | skip | it has one that cannot be one |
| `cancelled` | skip | the event was cancelled before it could be planned |
| `no_audience` | skip | the event names nobody, or topics without members |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clarion.contracts.decision import Decision
from clarion.contracts.event import Event
from clarion.rules.recipient_addresses import email_address, phone_number

DEFAULT_CHANNELS = ("inbox",)


class Subscriber(NamedTuple):
    """A person as far as decisions need them."""

    id: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """What an event says should be told, with every default settled."""

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


class Verdicts(NamedTuple):
    """Decisions in the order of the channels; `addresses` of those that are sent or held."""

    decisions: list[Decision]
    addresses: list[tuple[str, str]]
    in_inbox: bool
    held_until: datetime | None

    @property
    def reached(self) -> bool:
        """Whether anything is sent, now or later."""
        return self.in_inbox or bool(self.addresses)


def default_workflow(event: Event, lane: str) -> Workflow:
    """The workflow of an event for which none was made: its content, or just its type."""
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


def needs_address(workflow: Workflow) -> bool:
    """Whether the directory has to be asked at all."""
    return any(channel in ADDRESSES for channel in workflow.channels)


def decide(
    workflow: Workflow, subscriber: Subscriber, *, carried: frozenset[str], now: datetime
) -> Verdicts:
    """What `subscriber` is told. `carried` are the channels that have a provider."""
    held_until = workflow.send_at if workflow.send_at and workflow.send_at > now else None
    verdicts = Verdicts([], [], _reaches_inbox(workflow, held_until or now), held_until)
    for channel in workflow.channels:
        reason, address = _obstacle(workflow, channel, subscriber, carried, held_until or now)
        if reason is not None:
            verdicts.decisions.append(Decision(channel, "skip", reason))
            continue
        if address is not None:
            verdicts.addresses.append((channel, address))
        verdicts.decisions.append(
            Decision(channel, "send", "requested")
            if held_until is None
            else Decision(channel, "hold", "scheduled", held_until)
        )
    return verdicts


def nobody(workflow: Workflow, reason: str = "no_audience") -> list[Decision]:
    """The decisions of an event that is told to nobody."""
    return [Decision(channel, "skip", reason) for channel in workflow.channels]


def _reaches_inbox(workflow: Workflow, when: datetime) -> bool:
    return "inbox" in workflow.channels and not _is_expired(workflow, when)


def _is_expired(workflow: Workflow, when: datetime) -> bool:
    return workflow.expires_at is not None and workflow.expires_at <= when


def _obstacle(
    workflow: Workflow,
    channel: str,
    subscriber: Subscriber,
    carried: frozenset[str],
    when: datetime,
) -> tuple[str | None, str | None]:
    """Why not, or None; and the address where the channel has one."""
    if _is_expired(workflow, when):
        return "expired", None
    if channel == "inbox":
        return None, None
    if channel not in carried:
        return "no_provider", None
    given, parse = ADDRESSES[channel]
    written = given(subscriber)
    if not written:
        return "no_address", None
    address = parse(written)
    return (None, address) if address else ("invalid_address", None)


def _email(subscriber: Subscriber) -> str | None:
    return subscriber.email


def _phone(subscriber: Subscriber) -> str | None:
    return subscriber.phone


AddressKind = tuple[Callable[[Subscriber], str | None], Callable[[str], str | None]]

ADDRESSES: Mapping[str, AddressKind] = {
    "email": (_email, email_address),
    "sms": (_phone, phone_number),
}
"""Where a channel's address stands in the directory and what makes it one."""
