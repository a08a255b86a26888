"""What the store counts."""

from __future__ import annotations

from prometheus_client import Counter

TRANSACTIONS = Counter("clarion_database_transactions_total", "Transactions begun.")
