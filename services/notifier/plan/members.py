"""Reads the members of topics in order, in pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Driver

MAX_MEMBERS = 5 * SLICE_SIZE
"""Rows per transaction: in overlapping topics most members have the notification already."""
MAX_TOPICS = 64
"""Topics per statement."""
FULL_ENOUGH = 16
"""A slice with at least a sixteenth of its size ends with its topic; else it continues in the next
topic, because each slice costs a message and a transaction."""

FEW = """
SELECT subscriber FROM topic_members
WHERE tenant = $1 AND topic = $2 AND subscriber > $3 ORDER BY subscriber LIMIT $4
"""

UP_TO = """
SELECT subscriber FROM topic_members
WHERE tenant = $1 AND topic = $2 AND subscriber > $3 AND subscriber <= $4
"""

COUNTS = """
SELECT (SELECT count(*) FROM (
  SELECT 1 FROM topic_members WHERE tenant = $1 AND topic = t.topic LIMIT $3) AS counted)
FROM unnest($2::text[]) WITH ORDINALITY AS t (topic, n) ORDER BY t.n
"""

WHOLE = """
SELECT m.subscriber FROM unnest($2::text[]) AS t (topic)
JOIN topic_members m ON m.tenant = $1 AND m.topic = t.topic
"""

Known = Callable[[Sequence[str]], Awaitable[set[str]]]
"""The subset of these people to leave out."""


class SliceStart(NamedTuple):
    """A position after this subscriber of this topic; topics are ordered by name."""

    topic: str
    after: str


async def next_members(
    tx: Driver, tenant: str, topics: Sequence[str], place: SliceStart, size: int, known: Known
) -> tuple[list[str], SliceStart | None]:
    """At most `size` unknown people from `place` on, each once, and the next position, None at the
    end."""
    walk = _Walk(tx, tenant, [topic for topic in topics if topic >= place.topic], place.after)
    people: dict[str, None] = {}
    seen = 0
    while walk.topics:
        room = min(size - len(people), MAX_MEMBERS - seen)
        full_enough = not walk.after and len(people) * FULL_ENOUGH >= size
        if room <= 0 or full_enough:
            return list(people), SliceStart(walk.topics[0], walk.after)
        members = await walk.read(room)
        seen += len(members)
        have_it = await known(members) if members else set[str]()
        people |= dict.fromkeys(member for member in members if member not in have_it)
    return list(people), None


async def members_between(
    tx: Driver, tenant: str, topics: Sequence[str], place: SliceStart, until: SliceStart | None
) -> list[str]:
    """All members from `place` up to the position `until`, or to the end of the last topic."""
    if until is not None and until.topic == place.topic:
        return await _column(tx, UP_TO, tenant, *place, until.after)
    last = until.topic if until is not None else None
    whole = [topic for topic in topics if topic > place.topic and (last is None or topic < last)]
    members = await _column(tx, FEW, tenant, *place, MAX_MEMBERS)
    if whole:
        members += await _column(tx, WHOLE, tenant, whole)
    if until is not None and until.after:
        members += await _column(tx, UP_TO, tenant, until.topic, "", until.after)
    return list(dict.fromkeys(members))


class _Walk:
    """A cursor over the remaining topics. Small topics are read together."""

    def __init__(self, tx: Driver, tenant: str, topics: list[str], after: str) -> None:
        self._tx = tx
        self._tenant = tenant
        self.topics = topics
        self.after = after
        self._window = 1

    async def read(self, room: int) -> list[str]:
        """Read at most `room` rows."""
        whole = await self._count_whole(room)
        if whole > 1:
            members = await _column(self._tx, WHOLE, self._tenant, self.topics[:whole])
            del self.topics[:whole]
            return members
        place = (self.topics[0], self.after)
        members = await _column(self._tx, FEW, self._tenant, *place, room)
        if len(members) == room:
            self.after = members[-1]
            return members
        del self.topics[0]
        self.after = ""
        self._window = min(2 * self._window, MAX_TOPICS)
        return members

    async def _count_whole(self, room: int) -> int:
        """The number of next topics with at most `room` members together."""
        if self._window == 1 or self.after:
            return 1
        some = self.topics[: self._window]
        counts = await _column(self._tx, COUNTS, self._tenant, some, room + 1)
        self._window = min(2 * self._window, MAX_TOPICS)
        total = 0
        for number, count in enumerate(counts):
            total += count
            if total > room:
                self._window = 1  # counting large topics ahead would count them twice
                return number
        return len(counts)


async def _column(tx: Driver, query: str, *arguments: object) -> list[Any]:
    rows: Any = await tx.fetch(query, *arguments)
    return [row[0] for row in rows]
