"""Pieces of work of one lane: what is planned in one transaction, and from which messages it came.

A message is acknowledged once every piece that holds a part of it has ended. Pieces that were too
slow, and slices, wait behind the events that arrive meanwhile.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clarion.bus.protocol import Received
from clarion.contracts.envelope import Entry
from clarion.contracts.slice import Slice
from services.notifier.messages.parser import Malformed, ParsedMessage

MAX_PARTS = 16
"""Into how many pieces one is divided that was too slow: 256 events are told apart in two steps."""


class MessageKey(NamedTuple):
    """A message that is not settled yet."""

    channel_generation: int
    tag: int


@dataclass(slots=True, eq=False)
class Work:
    """What is planned together: one slice, or events and what came with them that is malformed."""

    parsed_messages: list[ParsedMessage]
    failures: int = 0
    """How often it was cancelled by a limit of its own while the database answered."""
    not_before: float = 0.0

    @property
    def slice_(self) -> Slice | None:
        """The slice that it is, if it is one."""
        return self.parsed_messages[0].slice_

    @property
    def entries(self) -> list[Entry]:
        """Its events."""
        return [entry for parsed in self.parsed_messages for entry in parsed.entries]

    @property
    def malformed(self) -> list[Malformed]:
        """What is malformed in it."""
        return [part for parsed in self.parsed_messages for part in parsed.malformed]

    @property
    def owner(self) -> str:
        """Whose it is: a tenant, or the event of a slice."""
        if self.slice_ is not None:
            return str(self.slice_.event)
        entries = self.entries
        return entries[0].tenant if entries else ""

    @property
    def is_redelivered(self) -> bool:
        """Whether some of it was given out before."""
        return any(parsed.message.redelivered for parsed in self.parsed_messages)

    def message_keys(self) -> set[MessageKey]:
        """The messages of which it holds a part."""
        return {_key(parsed.message) for parsed in self.parsed_messages}

    def parts(self) -> list[ParsedMessage]:
        """Each event, and each malformed part, by itself."""
        if self.slice_ is not None:
            return [self.parsed_messages[0]]
        return [part for parsed in self.parsed_messages for part in _single_parts(parsed)]

    def halves(self) -> list[Work]:
        """Two pieces that hold the same; one where it cannot be divided."""
        parts = self.parts()
        middle = (len(parts) + 1) // 2
        return [Work(half) for half in (parts[:middle], parts[middle:]) if half]

    def groups(self, sizes: Sequence[int], most: int) -> list[Work]:
        """Pieces in order, of events whose sizes together are at most `most`; a larger event is
        alone. What is malformed goes with the first."""
        malformed = [part for part in self.parts() if not part.entries]
        events = [part for part in self.parts() if part.entries]
        grouped: list[list[ParsedMessage]] = [[]]
        total = 0
        for part, size in zip(events, sizes, strict=True):
            if grouped[-1] and total + size > most:
                grouped.append([])
                total = 0
            grouped[-1].append(part)
            total += size
        grouped[0] = malformed + grouped[0]
        return [Work(group) for group in grouped]

    def divided(self) -> list[Work]:
        """Pieces of one tenant each, where there are several; else at most `MAX_PARTS` of them.
        A piece that is alone was tried once, with the others."""
        parts = self.parts()
        by_tenant: dict[str, list[ParsedMessage]] = {}
        for part in parts:
            tenant = part.entries[0].tenant if part.entries else ""
            by_tenant.setdefault(tenant, []).append(part)
        groups = list(by_tenant.values())
        if len(groups) == 1:
            step = -(-len(parts) // MAX_PARTS)
            groups = [parts[start : start + step] for start in range(0, len(parts), step)]
        return [Work(group, min(self.failures, 1)) for group in groups]


@dataclass(slots=True)
class Pending:
    """What one worker has taken and not acknowledged."""

    fresh: deque[Work] = field(default_factory=deque[Work])
    later: deque[Work] = field(default_factory=deque[Work])
    _messages: dict[MessageKey, Received] = field(default_factory=dict[MessageKey, Received])
    _open: Counter[MessageKey] = field(default_factory=Counter[MessageKey])
    """How many pieces hold a part of a message; missing where it is one."""

    def add(self, parsed_messages: Sequence[ParsedMessage], batch_size: int) -> None:
        """Events at once, in groups; slices behind what else there is, repeats of one with it."""
        for parsed in parsed_messages:
            self._messages[_key(parsed.message)] = parsed.message
        events = [parsed for parsed in parsed_messages if parsed.slice_ is None]
        self.fresh.extend(Work(group) for group in _groups(events, batch_size))
        for parsed in parsed_messages:
            if parsed.slice_ is not None:
                self._add_slice(parsed, parsed.slice_)

    def split(self, work: Work, parts: Sequence[Work]) -> list[Work]:
        """`parts` in the place of `work`."""
        holders = Counter(key for part in parts for key in part.message_keys())
        for key, number in holders.items():
            if number > 1 or key in self._open:
                self._open[key] = self._open.get(key, 1) + number - 1
        return list(parts)

    def done(self, work: Work) -> list[Received]:
        """It has ended; the messages of which nothing is left to do."""
        finished: list[Received] = []
        for key in work.message_keys():
            if self._open.get(key, 1) > 1:
                self._open[key] -= 1
                continue
            self._open.pop(key, None)
            if key in self._messages:
                finished.append(self._messages[key])
        return finished

    def settled(self, messages: Sequence[Received]) -> None:
        """These are acknowledged."""
        for message in messages:
            self._messages.pop(_key(message), None)

    def next_later(self, now: float) -> Work | None:
        """The first that may be tried now, taken out."""
        for work in self.later:
            if work.not_before <= now:
                self.later.remove(work)
                return work
        return None

    def wait_s(self, now: float) -> float | None:
        """How long until one may be tried; None where nothing waits."""
        if not self.later:
            return None
        return max(0.0, min(work.not_before for work in self.later) - now)

    def take_excess(self, most: int) -> list[Work]:
        """Where more than `most` messages wait because they were too slow: the pieces of whoever
        has most of them, taken out."""
        slow = [work for work in self.later if work.failures]
        held = {key for work in slow for key in work.message_keys()}
        if len(held) <= most:
            return []
        by_owner = Counter(work.owner for work in slow for _ in work.message_keys())
        ((owner, _),) = by_owner.most_common(1)
        excess = [work for work in slow if work.owner == owner]
        for work in excess:
            self.later.remove(work)
        return excess

    def take_all(self) -> list[Received]:
        """Every message that is not acknowledged; nothing is pending then."""
        messages = list(self._messages.values())
        self.fresh.clear()
        self.later.clear()
        self._messages.clear()
        self._open.clear()
        return messages

    def _add_slice(self, parsed: ParsedMessage, slice_: Slice) -> None:
        place = (slice_.event, slice_.topic, slice_.after)
        for work in self.later:
            same = work.slice_
            if same is not None and (same.event, same.topic, same.after) == place:
                work.parsed_messages.append(parsed)
                return
        self.later.append(Work([parsed]))


def _key(message: Received) -> MessageKey:
    return MessageKey(message.channel_generation, message.tag)


def _single_parts(parsed: ParsedMessage) -> Iterator[ParsedMessage]:
    for part in parsed.malformed:
        yield ParsedMessage(parsed.message, malformed=[part])
    for entry in parsed.entries:
        yield ParsedMessage(parsed.message, [entry])
    if not parsed.entries and not parsed.malformed:
        yield parsed


def _groups(parsed_messages: Sequence[ParsedMessage], size: int) -> Iterator[list[ParsedMessage]]:
    """Readings in order, together until they hold `size` events."""
    group: list[ParsedMessage] = []
    events = 0
    for parsed in parsed_messages:
        if group and events + len(parsed.entries) > size:
            yield group
            group, events = [], 0
        group.append(parsed)
        events += len(parsed.entries)
    if group:
        yield group
