"""What the store counts."""

from __future__ import annotations

from prometheus_client import Counter

TRANSACTIONS = Counter("clarion_database_transactions_total", "Transactions begun.")

RETRIED = Counter(
    "clarion_database_retries_total",
    "Transactions retried after a lost race, such as a deadlock, by error.",
    ["error"],
)
