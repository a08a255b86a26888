"""What the bus counts.

| metric | labels | what |
|---|---|---|
| `clarion_bus_publishes_total` | `outcome`: confirmed, refused, unknown, unroutable, unavailable | publishes by how they ended |
| `clarion_bus_link_up` | `link`: publish, consume | 1 while connected |
| `clarion_bus_blocked` | | 1 while the broker reads nothing that we publish |
| `clarion_bus_consumer_restarts_total` | `queue` | consumers made anew after the broker cancelled or lost them |
| `clarion_bus_live_dropped_total` | | announcements dropped because their reader was too slow |
"""  # noqa: E501  (a table)

from __future__ import annotations

from prometheus_client import Counter, Gauge

PUBLISHES = Counter("clarion_bus_publishes", "Publishes by how they ended", ["outcome"])
LINK_UP = Gauge("clarion_bus_link_up", "1 while connected to the broker", ["link"])
BLOCKED = Gauge("clarion_bus_blocked", "1 while the broker blocks publishers")
CONSUMER_RESTARTS = Counter(
    "clarion_bus_consumer_restarts", "Consumers made anew on a living connection", ["queue"]
)
LIVE_DROPPED = Counter("clarion_bus_live_dropped", "Announcements dropped by a slow reader")
