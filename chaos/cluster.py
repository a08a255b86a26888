"""Whether the queues of a cluster are what we take them for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from clarion.topology import DECLARED_QUEUES
from testbed.processes import wait_until
from testbed.rabbitmq import BrokerNode

MEMBERS_S = 30.0


async def check_members(brokers: Sequence[BrokerNode]) -> None:
    """Return once each queue has a member on every node. Raises `RuntimeError` where not."""
    wanted = {queue.name: len(brokers) for queue in DECLARED_QUEUES}
    found: dict[str, int] = {}

    async def joined() -> bool:
        found.update(await asyncio.to_thread(brokers[0].members))
        return found == wanted

    try:
        await wait_until(joined, MEMBERS_S, "a member of each queue on each node")
    except TimeoutError as error:
        raise RuntimeError(f"members of queues: {found}, wanted {wanted}") from error
    if len(brokers) > 1:
        print(f"each of {len(wanted)} queues has {len(brokers)} members online", flush=True)
