"""Live frames that arrive during a replay, bounded in bytes."""

from __future__ import annotations


class ReplayBuffer:
    """Beyond the bound everything is dropped and `overflowed`: the history must be read again."""

    __slots__ = ("_frames", "_max_bytes", "_size", "overflowed")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._frames: list[tuple[int, bytes]] = []
        self._size = 0
        self.overflowed = False

    def add(self, version: int, frame: bytes) -> None:
        """Buffer an encoded frame."""
        if self.overflowed:
            return
        self._frames.append((version, frame))
        self._size += len(frame)
        if self._size > self._max_bytes:
            self._frames.clear()
            self.overflowed = True

    def clear(self) -> None:
        """Empty it and reset `overflowed`."""
        self._frames.clear()
        self._size = 0
        self.overflowed = False

    def reaches(self, version: int, goal: int) -> bool:
        """Whether every frame after `version` up to `goal` is buffered."""
        versions = {buffered for buffered, _ in self._frames}
        return versions.issuperset(range(version + 1, goal + 1))

    def in_order(self) -> list[tuple[int, bytes]]:
        """The frames by version."""
        return sorted(self._frames)
