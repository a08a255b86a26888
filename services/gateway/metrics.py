"""Metrics of the gateway. No label holds a tenant or a user."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("clarion_gateway_events_accepted_total", "Events answered with 202.", ["lane"])
REFUSED = Counter(
    "clarion_gateway_requests_refused_total",
    "Requests to POST /v1/events that were not accepted, by problem code.",
    ["code"],
)
PUBLISH_SECONDS = Histogram(
    "clarion_gateway_publish_seconds",
    "Time from publishing an envelope to its confirm or failure.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ENVELOPE_EVENTS = Histogram(
    "clarion_gateway_envelope_events",
    "Events joined in one envelope.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
WAITING_BYTES = Gauge(
    "clarion_gateway_waiting_bytes", "Bytes of bodies being read and of events not yet confirmed."
)
KEY_LOOKUPS = Counter(
    "clarion_gateway_key_lookups_total", "Keys looked up in the database, by result.", ["result"]
)
