"""What the notifier counts. Channels and outcomes are labels; tenants and people never are."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "clarion_events_planned_total", "Events by what became of them.", ["lane", "result"]
)
NOTIFICATIONS = Counter("clarion_notifications_total", "Notifications written.", ["lane"])
PLAN_SECONDS = Histogram(
    "clarion_plan_seconds",
    "One plan transaction, from its begin to its commit.",
    ["lane"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PLAN_RETRIES = Counter(
    "clarion_plan_retries_total", "Plans held and tried again: the database was away."
)
PLAN_TOO_SLOW = Counter(
    "clarion_plan_too_slow_total",
    "Plans cancelled by a limit of their own while the database answered.",
    ["lane"],
)
PARKED = Counter("clarion_parked_total", "Messages and events parked.", ["reason"])
PUBLISH_RETRIES = Counter(
    "clarion_publish_retries_total", "Publishes tried again after the commit."
)
PUBLISH_SKIPPED = Counter(
    "clarion_publish_skipped_total",
    "Messages that the broker did not take and that are left to dispatch or to the table.",
    ["exchange"],
)
ATTEMPTS = Counter(
    "clarion_attempts_total", "Attempts of deliveries at providers.", ["channel", "outcome"]
)
ATTEMPT_SECONDS = Histogram(
    "clarion_attempt_seconds", "How long a provider took to answer.", ["channel"]
)
SMS_SEGMENTS = Counter(
    "clarion_sms_segments_total", "Segments of the SMS that providers took.", ["provider"]
)
ENDED = Counter("clarion_deliveries_ended_total", "Deliveries by end state.", ["channel", "state"])
LEASES_LOST = Counter(
    "clarion_leases_lost_total", "Answers of providers that came after the lease had run out."
)
DELIVERIES_LEFT = Counter(
    "clarion_deliveries_left_total",
    "Deliveries whose row could not be written while the database answered, left to their lease.",
    ["channel"],
)
PROVIDER_RESTS = Gauge(
    "clarion_provider_rests", "1 while its breaker rests a provider.", ["channel", "provider"]
)
PROVIDER_SKIPS = Counter(
    "clarion_provider_skips_total",
    "Providers passed over without an attempt: rested, or their rate was used up.",
    ["channel", "provider", "reason"],
)
POSTPONED = Counter(
    "clarion_deliveries_postponed_total",
    "Deliveries given back untried: no provider might be asked.",
    ["channel", "reason"],
)
DISPATCHED = Counter("clarion_dispatched_total", "Due rows taken by dispatch.", ["kind"])
DISPATCH_HELD = Counter(
    "clarion_dispatch_held_total",
    "Rounds of dispatch that failed and are tried again, by kind of due work.",
    ["kind"],
)
DUE_ROWS_TOO_SLOW = Counter(
    "clarion_due_rows_too_slow_total",
    "Due rows that were too slow alone while the database answered: passed over for a while.",
    ["kind"],
)
PARTITIONS_AHEAD = Gauge(
    "clarion_partitions_ahead",
    "Months after the present one whose partitions exist; below 1 the notifier is not ready.",
)
