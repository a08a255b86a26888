"""Decides on which channels a recipient gets an event, when, and why.

| reason | decision | when |
|---|---|---|
| `requested` | send | the event (or the default) requests the channel |
| `scheduled` | hold | `send_at`, returned as `until`, is in the future |
| `expired` | skip | `expires_at` has passed, or will have by `send_at` |
| `no_provider` | skip | no provider is configured for the channel |
| `no_address` | skip | the directory has no address for the channel |
| `invalid_address` | skip | the directory has an invalid address for the channel |
| `cancelled` | skip | the event was cancelled before it was planned |
| `no_audience` | skip | the event has no recipient, or only topics without members |
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clarion.contracts.decision import Decision
from clarion.rules.recipient_addresses import Addresses, address_on
from clarion.rules.workflow import Workflow


class PlannedSend(NamedTuple):
    """A send on a channel other than the inbox: now, or at `until`."""

    channel: str
    address: str
    until: datetime | None


class PlannedItem(NamedTuple):
    """An item in the inbox: now, or at `until`."""

    until: datetime | None


class Verdicts(NamedTuple):
    """A decision per channel, in the order of the channels, with the resulting sends and item."""

    decisions: list[Decision]
    sends: list[PlannedSend]
    item: PlannedItem | None

    @property
    def reaches_anyone(self) -> bool:
        """Whether anything is sent, now or later."""
        return self.item is not None or bool(self.sends)


def decide(
    workflow: Workflow, addresses: Addresses, *, carried: frozenset[str], now: datetime
) -> Verdicts:
    """The decisions for a person with these addresses. `carried` are the channels with a
    provider."""
    decisions: list[Decision] = []
    sends: list[PlannedSend] = []
    item: PlannedItem | None = None
    for channel in workflow.channels:
        until = _held_until(workflow, channel, now)
        address, reason = _obstacle(workflow, channel, addresses, carried, until or now)
        if reason is not None:
            decisions.append(Decision(channel, "skip", reason))
            continue
        if channel == "inbox":
            item = PlannedItem(until)
        elif address is not None:
            sends.append(PlannedSend(channel, address, until))
        decisions.append(
            Decision(channel, "send", "requested")
            if until is None
            else Decision(channel, "hold", "scheduled", until)
        )
    return Verdicts(decisions, sends, item)


def skip_all(workflow: Workflow, reason: str = "no_audience") -> list[Decision]:
    """The decisions for an event without recipients."""
    return [Decision(channel, "skip", reason) for channel in workflow.channels]


def _held_until(workflow: Workflow, channel: str, now: datetime) -> datetime | None:
    """The time until which `channel` is held, or None. Today it is the same for all channels."""
    del channel
    return workflow.send_at if workflow.send_at and workflow.send_at > now else None


def _obstacle(
    workflow: Workflow,
    channel: str,
    addresses: Addresses,
    carried: frozenset[str],
    when: datetime,
) -> tuple[str | None, str | None]:
    """(address or None, None), or (None, the reason to skip the channel)."""
    if workflow.expires_at is not None and workflow.expires_at <= when:
        return None, "expired"
    if channel == "inbox":
        return None, None
    if channel not in carried:
        return None, "no_provider"
    return address_on(channel, addresses)
