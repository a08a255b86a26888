"""The bound on memory for unanswered requests."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Receive

from clarion.errors import TooMany, Unavailable
from services.gateway.front.request_body import read_body
from services.gateway.metrics import SHARES_USED_UP, WAITING_BYTES

MAX_WAITING_BYTES = 64 * 1024**2
LARGEST_BODIES = 8
"""The budget covers at least this many bodies of maximum size."""


class MemoryBudget:
    """Counts bytes by tenant. A tenant may hold as much as is still free, so that room remains
    however many tenants use up their share: one alone gets half, two get a third each."""

    def __init__(self, max_bytes: int = MAX_WAITING_BYTES, *, max_body_bytes: int = 0) -> None:
        self._max_bytes = max(max_bytes, LARGEST_BODIES * max_body_bytes)
        self._max_body_bytes = max_body_bytes
        self._held = 0
        self._by_tenant: dict[str, int] = {}
        WAITING_BYTES.set_function(lambda: self._held)

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    def held_by(self, tenant: str) -> int:
        """Bytes held now for one tenant."""
        return self._by_tenant.get(tenant, 0)

    def body(self, tenant: str, headers: Mapping[bytes, bytes], receive: Receive) -> HeldBody:
        """`async with` it: reads the request body, and holds its memory inside the block.

        Raises what `read_body` and `Holding.add` raise.
        """
        return HeldBody(self, tenant, headers, receive, self._max_body_bytes)

    def holding(self, tenant: str, size: int = 0) -> Holding:
        """`with` it: holds `size` bytes inside the block. Raises what `Holding.add` raises."""
        return Holding(self, tenant, size)

    def take(self, tenant: str, size: int) -> None:
        """For `Holding` alone."""
        mine = self._by_tenant.get(tenant, 0)
        free = self._max_bytes - self._held - size
        if mine + size > free:
            raise _refusal(mine)
        self._held += size
        self._by_tenant[tenant] = mine + size

    def give_back(self, tenant: str, size: int) -> None:
        """For `Holding` alone."""
        self._held -= size
        rest = self._by_tenant.get(tenant, 0) - size
        if rest > 0:
            self._by_tenant[tenant] = rest
        else:
            self._by_tenant.pop(tenant, None)


class Holding:
    """Bytes that one request of a tenant holds until the end of its block."""

    __slots__ = ("_budget", "_held", "_size", "_tenant")

    def __init__(self, budget: MemoryBudget, tenant: str, size: int = 0) -> None:
        self._budget = budget
        self._tenant = tenant
        self._size = size
        self._held = 0

    def add(self, size: int) -> None:
        """Hold more. Raises `TooMany` (`tenant_share_used_up`) if the tenant has used up its share,
        `Unavailable` (`overloaded`) if nothing is left for any tenant."""
        self._budget.take(self._tenant, size)
        self._held += size

    def release(self) -> None:
        """Give everything back, once."""
        held, self._held = self._held, 0
        self._budget.give_back(self._tenant, held)

    def __enter__(self) -> Holding:
        self.add(self._size)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class HeldBody:
    """See `MemoryBudget.body`."""

    __slots__ = ("_headers", "_holding", "_max_bytes", "_receive")

    def __init__(
        self,
        budget: MemoryBudget,
        tenant: str,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        max_bytes: int,
    ) -> None:
        self._holding = Holding(budget, tenant)
        self._headers = headers
        self._receive = receive
        self._max_bytes = max_bytes

    async def __aenter__(self) -> bytes:
        try:
            return await read_body(self._headers, self._receive, self._max_bytes, self._holding.add)
        except BaseException:
            self._holding.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._holding.release()


def _refusal(mine: int) -> TooMany | Unavailable:
    if not mine:
        return Unavailable(
            "The gateway is overloaded; nothing was accepted. Send it again later.",
            code="overloaded",
            retry_after_s=1,
        )
    SHARES_USED_UP.inc()
    return TooMany(
        "Unanswered requests of this tenant use all of the memory available to one "
        "tenant; nothing was accepted. Wait for their answers, then send it again.",
        code="tenant_share_used_up",
        retry_after_s=1,
    )
