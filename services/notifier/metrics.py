"""Metrics of the notifier. Labels never hold tenants or people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "clarion_events_planned_total", "Events by result of planning.", ["lane", "result"]
)
NOTIFICATIONS = Counter("clarion_notifications_total", "Notifications written.", ["lane"])
PLAN_SECONDS = Histogram(
    "clarion_plan_seconds",
    "Duration of a plan transaction, from begin to commit.",
    ["lane"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PLAN_RETRIES = Counter(
    "clarion_plan_retries_total", "Retries of plans while the database was unavailable."
)
PLAN_TOO_SLOW = Counter(
    "clarion_plan_too_slow_total",
    "Plans that exceeded a limit while the database answered.",
    ["lane"],
)
PARKED = Counter("clarion_parked_total", "Dead-lettered messages and events.", ["reason"])
PUBLISH_RETRIES = Counter("clarion_publish_retries_total", "Retries of publishes after the commit.")
PUBLISH_SKIPPED = Counter(
    "clarion_publish_skipped_total",
    "Messages that the broker refused and that are left to dispatch.",
    ["exchange"],
)
ATTEMPTS = Counter(
    "clarion_attempts_total", "Delivery attempts at providers.", ["channel", "outcome"]
)
ATTEMPT_SECONDS = Histogram("clarion_attempt_seconds", "Response time of providers.", ["channel"])
SMS_SEGMENTS = Counter(
    "clarion_sms_segments_total", "Segments of SMS that providers accepted.", ["provider"]
)
ENDED = Counter("clarion_deliveries_ended_total", "Deliveries by end state.", ["channel", "state"])
LEASES_LOST = Counter(
    "clarion_leases_lost_total", "Provider answers that arrived after the lease had expired."
)
DELIVERIES_LEFT = Counter(
    "clarion_deliveries_left_total",
    "Deliveries whose row could not be written while the database answered, left to their lease.",
    ["channel"],
)
PROVIDER_RESTS = Gauge(
    "clarion_provider_rests",
    "1 while the circuit breaker of a provider is open.",
    ["channel", "provider"],
)
PROVIDER_SKIPS = Counter(
    "clarion_provider_skips_total",
    "Providers skipped without an attempt: circuit breaker open, or rate limit reached.",
    ["channel", "provider", "reason"],
)
POSTPONED = Counter(
    "clarion_deliveries_postponed_total",
    "Deliveries postponed without an attempt: no provider could be called.",
    ["channel", "reason"],
)
DISPATCHED = Counter("clarion_dispatched_total", "Due rows dispatched.", ["kind"])
DISPATCH_HELD = Counter(
    "clarion_dispatch_held_total",
    "Failed and retried rounds of dispatch, by kind of due work.",
    ["kind"],
)
DUE_ROWS_TOO_SLOW = Counter(
    "clarion_due_rows_too_slow_total",
    "Due rows that were too slow alone while the database answered, and are skipped for a while.",
    ["kind"],
)
PARTITIONS_AHEAD = Gauge(
    "clarion_partitions_ahead",
    "Future months whose partitions exist; below 1 the notifier is not ready.",
)
