"""What the bus counts; docs/operations/monitoring.md explains it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PUBLISHES = Counter("clarion_bus_publishes", "Publishes by how they ended", ["outcome"])
LINK_UP = Gauge("clarion_bus_link_up", "1 while connected to the broker", ["link"])
BLOCKED = Gauge("clarion_bus_blocked", "1 while the broker blocks publishers")
CONSUMER_RESTARTS = Counter(
    "clarion_bus_consumer_restarts", "Consumers recreated on a live connection", ["queue"]
)
CONSUMERS_MISSING = Gauge(
    "clarion_bus_consumers_missing", "Consumers of ours that the broker does not know"
)
TASKS_RESTARTED = Counter(
    "clarion_bus_tasks_restarted", "Supervising tasks that ended and were begun again", ["task"]
)
LIVE_DROPPED = Counter("clarion_bus_live_dropped", "Announcements dropped by a slow reader")
CONFIRMED = Counter("clarion_bus_events_confirmed", "Events brought into the broker", ["lane"])
ENVELOPE_EVENTS = Histogram(
    "clarion_bus_envelope_events",
    "Events joined in one envelope",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
ENVELOPE_SECONDS = Histogram(
    "clarion_bus_envelope_seconds",
    "Time from publishing an envelope to its confirm or failure",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
