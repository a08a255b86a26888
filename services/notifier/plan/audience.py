"""Audiences of events: recipients named or described in them, and the members of topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from clarion.contracts.event import Recipient, audience_of
from clarion.contracts.slice import SLICE_SIZE
from clarion.records.inboxes import Person
from clarion.rules.decide import skip_all
from clarion.rules.recipient_addresses import needs_address
from clarion.store.database import Driver
from services.notifier.drafts import EventDraft

USER = "user:"
TOPIC = "topic:"


MEMBERS = """
SELECT t.tenant, t.topic, m.subscriber
FROM unnest($1::text[], $2::text[]) AS t (tenant, topic)
CROSS JOIN LATERAL (
  SELECT subscriber FROM topic_members
  WHERE tenant = t.tenant AND topic = t.topic ORDER BY subscriber LIMIT $3
) AS m
"""


@dataclass(slots=True)
class Audience:
    """Subscribers in the order named, each once; topics in order of their names."""

    people: dict[str, None] = field(default_factory=dict[str, None])
    topics: list[str] = field(default_factory=list[str])
    members: int = 0
    """The sum of the members of its topics; if too many, some number from `SLICE_SIZE`."""

    @property
    def is_sliced(self) -> bool:
        """Whether the members of its topics are planned in slices."""
        return bool(self.topics) and len(self.people) + self.members > SLICE_SIZE

    @property
    def size(self) -> int:
        """The most notifications that the claiming transaction may have to write."""
        return len(self.people) + (0 if self.is_sliced else self.members)


def audience_named(event: EventDraft) -> Audience:
    """The audience that the event names, without the members of topics."""
    to = event.entry.event.to
    if isinstance(to, str) and to.startswith(USER):
        return Audience({to[len(USER) :]: None})
    audience = Audience()
    topics: set[str] = set()
    for recipient in audience_of(event.entry.event):
        if isinstance(recipient, Recipient):
            audience.people[recipient.id] = None
        elif recipient.startswith(USER):
            audience.people[recipient[len(USER) :]] = None
        else:
            topics.add(recipient[len(TOPIC) :])
    audience.topics = sorted(topics)
    return audience


def answer_cancelled(event: EventDraft) -> None:
    """Record on a cancelled event that its recipients get nothing, with one entry per topic."""
    audience = audience_named(event)
    decisions = skip_all(event.workflow, "cancelled")
    topics = [None] if audience.topics or not audience.people else []
    event.unreached = [
        {"subscriber": name, "decisions": decisions} for name in (*audience.people, *topics)
    ]


async def open_topics(
    tx: Driver, events: Sequence[EventDraft], audiences: Sequence[Audience]
) -> None:
    """Add the members of topics to the `people` of every audience that is not sliced. A sliced
    audience keeps its topics, and `people` are the recipients named."""
    small = [
        (event.entry.tenant, audience)
        for event, audience in zip(events, audiences, strict=True)
        if audience.topics and not audience.is_sliced
    ]
    topics = {(tenant, topic) for tenant, audience in small for topic in audience.topics}
    if not topics:
        return
    members = await read_members(tx, sorted(topics))
    for tenant, audience in small:
        everybody = dict(audience.people)
        for topic in audience.topics:
            everybody |= dict.fromkeys(members.get((tenant, topic), ()))
        if len(everybody) <= SLICE_SIZE:
            audience.people, audience.topics = everybody, []


def people_with_addresses(
    events: Sequence[EventDraft], audiences: Sequence[Audience]
) -> set[Person]:
    """People whose addresses have to be read: none for events of the inbox alone."""
    return {
        (event.entry.tenant, subscriber)
        for event, audience in zip(events, audiences, strict=True)
        if needs_address(event.workflow.channels)
        for subscriber in audience.people
    }


async def read_members(tx: Driver, topics: list[Person]) -> dict[Person, list[str]]:
    """The members of these topics, at most `SLICE_SIZE + 1` of each."""
    rows: Any = await tx.fetch(
        MEMBERS, [topic[0] for topic in topics], [topic[1] for topic in topics], SLICE_SIZE + 1
    )
    members: dict[Person, list[str]] = {}
    for tenant, topic, subscriber in rows:
        members.setdefault((tenant, topic), []).append(subscriber)
    return members
