"""The schema, as SQLAlchemy Core tables; `migrations/` creates it and a test holds both together.

`PARTITIONED` tables are ranges of their UUIDv7 `id`, one partition a month.
"""

from clarion.store.tables.directory import (
    api_keys,
    deleted_subscribers,
    subscribers,
    tenants,
    topic_members,
    topics,
)
from clarion.store.tables.history import (
    attempts,
    cancellations,
    deliveries,
    event_keys,
    events,
    notifications,
    slices,
)
from clarion.store.tables.inbox import command_keys, epoch, inbox_commands, inboxes, receipts
from clarion.store.tables.metadata import metadata
from clarion.store.tables.operations import audit, captures, parked
from clarion.store.tables.providers import provider_rates
from clarion.store.tables.tokens import revocations, tickets

PARTITIONED = (events, notifications, deliveries, attempts)

__all__ = [
    "PARTITIONED",
    "api_keys",
    "attempts",
    "audit",
    "cancellations",
    "captures",
    "command_keys",
    "deleted_subscribers",
    "deliveries",
    "epoch",
    "event_keys",
    "events",
    "inbox_commands",
    "inboxes",
    "metadata",
    "notifications",
    "parked",
    "provider_rates",
    "receipts",
    "revocations",
    "slices",
    "subscribers",
    "tenants",
    "tickets",
    "topic_members",
    "topics",
]
