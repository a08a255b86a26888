"""The bound on what the gateway holds in memory for requests that are not answered yet."""

from __future__ import annotations

from clarion.errors import Unavailable
from services.gateway.metrics import WAITING_BYTES

MAX_WAITING_BYTES = 64 * 1024**2


class WaitingRoom:
    """Counts bytes. When it is full the newest is refused and told to come back."""

    def __init__(self, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held = 0
        WAITING_BYTES.set_function(lambda: self._held)

    @property
    def held(self) -> int:
        """Bytes inside now."""
        return self._held

    def enter(self, size: int) -> None:
        """Take room. Raises `Unavailable` (`overloaded`) where there is none."""
        if self._held + size > self._max_bytes:
            raise Unavailable(
                "Too much is waiting to be stored; nothing was accepted.",
                code="overloaded",
                retry_after_s=1,
            )
        self._held += size

    def leave(self, size: int) -> None:
        """Give room back."""
        self._held -= size
