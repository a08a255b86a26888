"""A cache of API keys by hash, so that requests do not wait for the database."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from clarion.tokens.api_keys import ApiKey

NEVER = float("-inf")
UNKNOWN_FOR_S = 10.0
MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A valid key; `expires_at` in epoch seconds."""

    key: ApiKey
    expires_at: float | None


class KeyCache:
    """Valid keys and refused hashes, separately: a storm of unknown keys evicts no valid one.

    The caller passes the time. A stale record is kept: it works while the database is unavailable,
    unless it was dropped.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self.changes = 0
        """Grows with `drop` and `distrust`: earlier queries may be out of date."""
        self._known: OrderedDict[bytes, tuple[KeyRecord, float]] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()

    def fresh(self, digest: bytes, now: float, known_for_s: float) -> KeyRecord | None:
        """The record, if looked up within `known_for_s`."""
        found = self._known.get(digest)
        if found is None or found[1] + known_for_s < now:
            return None
        self._known.move_to_end(digest)
        return found[0]

    def stale(self, digest: bytes) -> KeyRecord | None:
        """The record, however old."""
        found = self._known.get(digest)
        return None if found is None else found[0]

    def is_unknown(self, digest: bytes, now: float) -> bool:
        """Whether the database denied this key within `UNKNOWN_FOR_S`."""
        return self._unknown.get(digest, now) > now

    def learn(self, digest: bytes, record: KeyRecord | None, now: float) -> None:
        """Store the result of a lookup."""
        self._forget(digest)
        if record is None:
            self._unknown[digest] = now + UNKNOWN_FOR_S
            _trim(self._unknown, self._max_keys)
        else:
            self._known[digest] = (record, now)
            _trim(self._known, self._max_keys)

    def drop(self, digest: bytes) -> None:
        """Remove one: it was revoked, or has just been created."""
        self.changes += 1
        self._forget(digest)

    def distrust(self) -> None:
        """Have all keys looked up again: notices of revocation may have been missed."""
        self.changes += 1
        self._unknown.clear()
        for digest, (record, _) in self._known.items():
            self._known[digest] = (record, NEVER)

    def _forget(self, digest: bytes) -> None:
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)


def _trim(entries: OrderedDict[bytes, Any], size: int) -> None:
    while len(entries) > size:
        entries.popitem(last=False)
