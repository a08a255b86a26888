"""Metrics of the gateway. No label holds a tenant or a user."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REFUSED = Counter(
    "clarion_gateway_requests_refused_total",
    "Requests to POST /v1/events that were not accepted, by problem code.",
    ["code"],
)
WAITING_BYTES = Gauge(
    "clarion_gateway_waiting_bytes", "Bytes of bodies being read and of events not yet confirmed."
)
KEY_LOOKUPS = Counter(
    "clarion_gateway_key_lookups_total", "Keys looked up in the database, by result.", ["result"]
)
