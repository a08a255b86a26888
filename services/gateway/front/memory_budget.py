"""The bound on what the gateway holds in memory for requests that are not answered yet."""

from __future__ import annotations

from clarion.errors import TooMany, Unavailable
from services.gateway.metrics import SHARES_USED_UP, WAITING_BYTES

MAX_WAITING_BYTES = 64 * 1024**2
LARGEST_BODIES = 8
"""The room holds at least so many of the largest bodies."""


class WaitingRoom:
    """Counts bytes, by tenant. A tenant may hold as much as is still free, so that however many
    fill their share there is room for the next: one alone has half, two have a third each."""

    def __init__(self, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held = 0
        self._by_tenant: dict[str, int] = {}
        WAITING_BYTES.set_function(lambda: self._held)

    @property
    def held(self) -> int:
        """Bytes inside now."""
        return self._held

    def held_by(self, tenant: str) -> int:
        """Bytes of one tenant inside now."""
        return self._by_tenant.get(tenant, 0)

    def enter(self, tenant: str, size: int) -> None:
        """Take room. Raises `TooMany` (`tenant_share_used_up`) where the tenant has its share,
        `Unavailable` (`overloaded`) where there is no room for anybody."""
        mine = self._by_tenant.get(tenant, 0)
        free = self._max_bytes - self._held - size
        if mine + size > free:
            raise self._refusal(mine)
        self._held += size
        self._by_tenant[tenant] = mine + size

    def leave(self, tenant: str, size: int) -> None:
        """Give room back."""
        self._held -= size
        rest = self._by_tenant.get(tenant, 0) - size
        if rest > 0:
            self._by_tenant[tenant] = rest
        else:
            self._by_tenant.pop(tenant, None)

    def _refusal(self, mine: int) -> TooMany | Unavailable:
        if not mine:
            return Unavailable(
                "Too much is waiting to be stored; nothing was accepted.",
                code="overloaded",
                retry_after_s=1,
            )
        SHARES_USED_UP.inc()
        return TooMany(
            "Requests of this tenant that are not answered yet hold all of the memory that one "
            "tenant may have; nothing was accepted. Wait for their answers, then send it again.",
            code="tenant_share_used_up",
            retry_after_s=1,
        )
