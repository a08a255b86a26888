"""Counts the members of topics before they are read: the size decides how an event is planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clarion.contracts.slice import SLICE_SIZE
from clarion.records.inboxes import Person
from clarion.store.database import Driver
from services.notifier.drafts import EventDraft
from services.notifier.plan.audience import Audience, audience_named

COUNT_MEMBERS = """
SELECT t.tenant, t.topic, (
  SELECT count(*) FROM (
    SELECT 1 FROM topic_members
    WHERE tenant = t.tenant AND topic = t.topic LIMIT $3) AS counted)
FROM unnest($1::text[], $2::text[]) AS t (tenant, topic)
"""

FIRST_COUNTED = 8
"""Topics per event in the first statement; doubled in each further one."""


async def count_audiences(tx: Driver, events: Sequence[EventDraft]) -> list[Audience]:
    """The audience that each event names, with the number of members of its topics, counted up to
    about `SLICE_SIZE` per event."""
    audiences = [audience_named(event) for event in events]
    undecided = {
        index: 0 for index, audience in enumerate(audiences) if audience.topics
    }  # number of its topics that are counted
    counts: dict[Person, int] = {}
    window = FIRST_COUNTED
    while undecided:
        await _count(tx, events, audiences, undecided, window, counts)
        for index, counted in list(undecided.items()):
            audience, tenant = audiences[index], events[index].entry.tenant
            some = audience.topics[counted : counted + window]
            audience.members += sum(counts[tenant, topic] for topic in some)
            undecided[index] += window
            if audience.is_sliced or undecided[index] >= len(audience.topics):
                del undecided[index]
        window *= 2
    return audiences


async def _count(
    tx: Driver,
    events: Sequence[EventDraft],
    audiences: Sequence[Audience],
    undecided: dict[int, int],
    window: int,
    counts: dict[Person, int],
) -> None:
    """Add the next `window` topics of each undecided event to `counts`."""
    unknown = {
        (events[index].entry.tenant, topic)
        for index, counted in undecided.items()
        for topic in audiences[index].topics[counted : counted + window]
    } - counts.keys()
    if not unknown:
        return
    wanted = sorted(unknown)
    rows: Any = await tx.fetch(
        COUNT_MEMBERS,
        [topic[0] for topic in wanted],
        [topic[1] for topic in wanted],
        SLICE_SIZE + 1,
    )
    counts.update({(row[0], row[1]): row[2] for row in rows})
