"""Metrics of the gateway. No label holds a tenant or a user."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REFUSED = Counter(
    "clarion_gateway_requests_refused_total",
    "Requests to POST /v1/events that were not accepted, by problem code.",
    ["code"],
)
WAITING_BYTES = Gauge(
    "clarion_gateway_waiting_bytes", "Bytes of request bodies being read and of unconfirmed events."
)
SHARES_USED_UP = Counter(
    "clarion_gateway_shares_used_up_total",
    "Requests refused because their tenant had used up its share of request memory.",
)
RATE_LIMITED = Counter(
    "clarion_gateway_rate_limited_total",
    "Requests refused by a rate limit, by its kind: key or tenant.",
    ["policy"],
)
BAD_KEYS = Counter(
    "clarion_gateway_bad_keys_total",
    "Requests without a valid API key, by problem code.",
    ["code"],
)
AUDIT_LOST = Counter(
    "clarion_gateway_audit_lost_total",
    "Minted tokens missing from the audit log because the database was unavailable.",
)
KEY_LOOKUPS = Counter(
    "clarion_gateway_key_lookups_total", "Keys looked up in the database, by result.", ["result"]
)
KEY_WATCH_LOSSES = Counter(
    "clarion_gateway_key_watch_losses_total",
    "Losses of the notification channel for revoked keys.",
)
