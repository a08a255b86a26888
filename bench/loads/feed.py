"""The versions that one session was given."""

from __future__ import annotations


class Feed:
    """Exact as long as each version follows the one before, from 1 on."""

    def __init__(self) -> None:
        self.version = 0
        self.wrong = 0
        """Versions that were left out, came twice, or came late."""

    def hear(self, version: int) -> None:
        """A notification with this version has come."""
        if version != self.version + 1:
            self.wrong += 1
        self.version = max(self.version, version)

    def is_exact(self, head: int) -> bool:
        """Whether it has all up to there, each once and in order, and nothing beyond."""
        return self.version == head and not self.wrong
