"""Units of work of one lane, each planned in one transaction, and the messages they came from.

A message is acknowledged after all work with a part of it has ended. Slices and work that was too
slow are deferred until newer events are planned.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clarion.bus.protocol import Received
from clarion.contracts.envelope import Entry
from clarion.contracts.slice import Slice
from services.notifier.messages.parser import Malformed, ParsedMessage

MAX_PARTS = 16
"""Parts into which slow work is divided: two steps isolate one of 256 events."""


class MessageKey(NamedTuple):
    """Identifies a message that is not acknowledged yet."""

    channel_generation: int
    tag: int


@dataclass(slots=True, eq=False)
class Work:
    """Work of one transaction: one slice, or events together with malformed parts."""

    parsed_messages: list[ParsedMessage]
    failures: int = 0
    """How often it exceeded a limit while the database answered."""
    not_before: float = 0.0

    def count_failure(self) -> None:
        """It exceeded a limit once more."""
        self.failures += 1

    def defer(self, wait_s: float) -> None:
        """Not before so many seconds have passed."""
        self.not_before = time.monotonic() + wait_s

    @property
    def slice_(self) -> Slice | None:
        """The slice, or None for events."""
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
        """The tenant, or for a slice its event."""
        if self.slice_ is not None:
            return str(self.slice_.event)
        entries = self.entries
        return entries[0].tenant if entries else ""

    @property
    def is_redelivered(self) -> bool:
        """Whether a part was redelivered."""
        return any(parsed.message.redelivered for parsed in self.parsed_messages)

    def message_keys(self) -> set[MessageKey]:
        """The messages of its parts."""
        return {_key(parsed.message) for parsed in self.parsed_messages}

    def parts(self) -> list[ParsedMessage]:
        """Each event and each malformed part separately."""
        if self.slice_ is not None:
            return [self.parsed_messages[0]]
        return [part for parsed in self.parsed_messages for part in _single_parts(parsed)]

    def halves(self) -> list[Work]:
        """Two halves; the work itself if it cannot be divided."""
        parts = self.parts()
        middle = (len(parts) + 1) // 2
        return [Work(half) for half in (parts[:middle], parts[middle:]) if half]

    def groups(self, sizes: Sequence[int], most: int) -> list[Work]:
        """Work in order, with events of a total size of at most `most`; a larger event is alone.
        Malformed parts go with the first."""
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
        """Work per tenant if there are several tenants, else at most `MAX_PARTS` parts. The failure
        counts for a single event or slice."""
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
    """The unacknowledged messages of one worker."""

    fresh: deque[Work] = field(default_factory=deque[Work])
    later: deque[Work] = field(default_factory=deque[Work])
    _messages: dict[MessageKey, Received] = field(default_factory=dict[MessageKey, Received])
    _open: Counter[MessageKey] = field(default_factory=Counter[MessageKey])
    """Units of work per message; absent if it is one."""

    def add(self, parsed_messages: Sequence[ParsedMessage], batch_size: int) -> None:
        """Add events in batches, to plan now, and slices, deferred and merged with their
        repeats."""
        for parsed in parsed_messages:
            self._messages[_key(parsed.message)] = parsed.message
        events = [parsed for parsed in parsed_messages if parsed.slice_ is None]
        self.fresh.extend(Work(group) for group in _groups(events, batch_size))
        for parsed in parsed_messages:
            if parsed.slice_ is not None:
                self._add_slice(parsed, parsed.slice_)

    def split(self, work: Work, parts: Sequence[Work]) -> list[Work]:
        """Replace `work` by `parts`."""
        holders = Counter(key for part in parts for key in part.message_keys())
        for key, number in holders.items():
            if number > 1 or key in self._open:
                self._open[key] = self._open.get(key, 1) + number - 1
        return list(parts)

    def done(self, work: Work) -> list[Received]:
        """End `work`; returns the messages that are done."""
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
        """Forget these acknowledged messages."""
        for message in messages:
            self._messages.pop(_key(message), None)

    def next_later(self, now: float) -> Work | None:
        """Remove and return the first deferred work that may be tried now."""
        for work in self.later:
            if work.not_before <= now:
                self.later.remove(work)
                return work
        return None

    def wait_s(self, now: float) -> float | None:
        """Seconds until deferred work may be tried; None if there is none."""
        if not self.later:
            return None
        return max(0.0, min(work.not_before for work in self.later) - now)

    def take_excess(self, most: int) -> list[Work]:
        """If more than `most` messages are deferred as too slow: remove and return the work of the
        owner with most of them."""
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
        """Remove and return all unacknowledged messages."""
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
    """Parsed messages in order, in groups of up to `size` events."""
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
