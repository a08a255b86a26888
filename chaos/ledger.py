"""The three ledgers side by side: accepted, kept, shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Kept:
    """A notification of the history."""

    event_id: str
    subscriber: str
    version: int | None
    item: str


@dataclass(frozen=True, slots=True)
class Head:
    """An inbox's own figures."""

    version: int
    unread: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One `notification` frame that a client handled."""

    version: int
    item: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Books:
    """What is compared. `accepted`: event id -> subscriber. `feeds`: client -> its subscriber and
    the frames in the order they came."""

    accepted: Mapping[str, str]
    kept: Sequence[Kept]
    heads: Mapping[str, Head]
    feeds: Mapping[str, tuple[str, Sequence[Shown]]]
    sent: frozenset[str] = frozenset()
    """Deliveries that are recorded as sent by a provider."""
    received: frozenset[str] = frozenset()
    """Deliveries whose message a provider took."""
    orphaned: int = 0
    """Accepted requests for email or SMS that have no delivery."""


@dataclass
class Verdict:
    """The figures of a run; `findings` says which ids, a sentence each."""

    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    missing: int = 0
    findings: list[str] = field(default_factory=list[str])

    def note(self, kind: str, number: int, what: str) -> None:
        """Count `number` of `lost`, `doubled` or `missing`; nothing where it is 0."""
        if number:
            setattr(self, kind, getattr(self, kind) + number)
            self.findings.append(f"{kind}: {what}")


def reconcile(books: Books) -> Verdict:
    """Compare all three."""
    verdict = Verdict(accepted=len(books.accepted))
    _compare_history(books, verdict)
    _compare_inboxes(books, verdict)
    for client, (subscriber, frames) in sorted(books.feeds.items()):
        _compare_feed(books, client, subscriber, frames, verdict)
    unsent = sorted(books.sent - books.received)
    verdict.note("lost", len(unsent), f"recorded as sent, taken by nobody: {_some(unsent)}")
    verdict.note("lost", books.orphaned, f"{books.orphaned} accepted events without their delivery")
    return verdict


def _compare_history(books: Books, verdict: Verdict) -> None:
    counted = Counter((one.event_id, one.subscriber) for one in books.kept)
    lost = [one for one in books.accepted.items() if not counted[one]]
    verdict.note("lost", len(lost), f"accepted, not in the history: {_some(lost)}")
    twice = [one for one, number in counted.items() if number > 1]
    extra = sum(counted[one] - 1 for one in twice)
    verdict.note("doubled", extra, f"more than once in the history: {_some(twice)}")


def _compare_inboxes(books: Books, verdict: Verdict) -> None:
    """Versions are exactly 1 to n, the head says n, and all n are unread: nobody reads here."""
    versions: dict[str, list[int]] = {name: [] for name in books.heads}
    for one in books.kept:
        versions.setdefault(one.subscriber, []).append(one.version or 0)
    for subscriber, found in sorted(versions.items()):
        expected = set(range(1, len(found) + 1))
        holes = expected - set(found)
        verdict.note("missing", len(holes), f"versions of {subscriber}: {_some(sorted(holes))}")
        head = books.heads.get(subscriber, Head(0, 0))
        if head != Head(len(found), len(found)):
            verdict.note("missing", 1, f"{subscriber} has {len(found)} items, its head says {head}")


def _compare_feed(
    books: Books, client: str, subscriber: str, frames: Sequence[Shown], verdict: Verdict
) -> None:
    kept = {one.item for one in books.kept if one.subscriber == subscriber}
    counted = Counter(frame.item for frame in frames)
    missing = sorted(kept - counted.keys())
    verdict.note("missing", len(missing), f"never came to {client}: {_some(missing)}")
    unknown = sorted(counted.keys() - kept)
    verdict.note("lost", len(unknown), f"shown to {client}, not in the history: {_some(unknown)}")
    extra = sum(number - 1 for number in counted.values())
    verdict.note("doubled", extra, f"came to {client} more than once: {_some(_twice(counted))}")
    late = [
        after.version
        for before, after in pairwise(frames)
        if after.version <= before.version and counted[after.item] == 1
    ]
    verdict.note("doubled", len(late), f"came to {client} out of order: versions {_some(late)}")


def _twice(counted: Counter[str]) -> list[str]:
    return sorted(one for one, number in counted.items() if number > 1)


def _some(found: Iterable[object]) -> str:
    shown = [str(one) for one in found]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + more
