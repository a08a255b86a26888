"""What happened: events, notifications, deliveries, attempts.

`event_keys` is the duplicate guard and lives as long as the history. It is not partitioned,
because a unique key of a partitioned table must hold the partition column; nor is `slices`, the
progress of events whose audience is larger than one transaction.

`due_at` is when dispatch looks at a row next. Of a delivery: when it is to be sent (`scheduled`),
published once more (`queued`) or taken from a sender that died (`sending`). Of a notification: when
it enters the inbox (`version` is NULL); when it comes back (`snoozed_until` is set); else when it
is announced again unless its announcement was confirmed. NULL where nothing is left to do.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID

from clarion.store.tables.metadata import id_column, metadata, moment, tenant_column
from clarion.store.tables.rare import HAS_ENDED_UNSENT, IS_SNOOZED

BY_ID = "RANGE (id)"

event_keys = Table(
    "event_keys",
    metadata,
    tenant_column(primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True, comment="the id that the caller gave"),
    Column("event", UUID(as_uuid=True), nullable=False, comment="events.id"),
    Column("digest", LargeBinary, nullable=False, comment="of what the event says"),
)

cancellations = Table(
    "cancellations",
    metadata,
    tenant_column(primary_key=True),
    Column("event_id", Text, primary_key=True, comment="the id that the caller gave"),
    Column("source", Text, primary_key=True, comment="empty for any"),
    moment(
        "accepted_before", comment="NULL where the event was known; else what was accepted then"
    ),
    moment("cancelled_at", nullable=False, now=True),
    Column("actor", Text, nullable=False, comment="the name of the API key"),
)

slices = Table(
    "slices",
    metadata,
    Column("event", UUID(as_uuid=True), primary_key=True, comment="events.id"),
    Column("topic", Text, primary_key=True),
    Column("after", Text, primary_key=True, comment="the last subscriber of the slice before"),
    tenant_column(),
    Column("lane", Text, nullable=False),
    Column("next_topic", Text, comment="of the slice after this; NULL at the end"),
    Column("next_after", Text),
    moment("due_at", comment="NULL once planned"),
    Column("trace_id", Text, nullable=False),
    Index("ix_slices_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

events = Table(
    "events",
    metadata,
    id_column(),
    tenant_column(),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("category", Text),
    Column("lane", Text, nullable=False),
    moment("time"),
    moment("accepted_at", nullable=False),
    moment("planned_at", nullable=False, now=True),
    Column("state", Text, nullable=False, comment="planned | parked"),
    Column("body", JSONB, nullable=False, comment="the event as accepted, unless document is set"),
    Column("document", JSON, comment="the event as accepted, where JSONB would change numbers"),
    Column(
        "unreached",
        JSONB,
        nullable=False,
        server_default=text("'[]'::jsonb"),
        comment="recipients without a notification: [{subscriber, decisions}]",
    ),
    Column(
        "conflicts",
        JSONB,
        nullable=False,
        server_default=text("'[]'::jsonb"),
        comment="other bodies that came under this id: [{at, digest, body | text}]",
    ),
    Column(
        "duplicates",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="how often it came again",
    ),
    moment("duplicate_at", comment="when it last came again"),
    Column("trace_id", Text, nullable=False),
    Index("ix_events_tenant_event_id", "tenant", "event_id"),
    postgresql_partition_by=BY_ID,
)

notifications = Table(
    "notifications",
    metadata,
    id_column(),
    tenant_column(),
    Column("subscriber", Text, nullable=False),
    Column("event", UUID(as_uuid=True), nullable=False, comment="events.id"),
    Column("version", BigInteger, comment="of the inbox; NULL where not in the inbox"),
    Column(
        "entered",
        BigInteger,
        comment="the version at which it entered or its snooze ended; NULL counts as its version",
    ),
    Column("type", Text, nullable=False),
    Column("category", Text),
    Column("lane", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text),
    Column("url", Text),
    Column("image", Text, comment="https, or a path of the page that shows it"),
    Column("actor", Text, comment="a name to show"),
    Column("decisions", JSONB, nullable=False),
    Column(
        "changes",
        JSONB,
        nullable=False,
        server_default=text("'[]'::jsonb"),
        comment="what was done to it in its inbox: [{at, what, by, version, was}]",
    ),
    moment("created_at", nullable=False, now=True),
    moment("seen_at"),
    moment("read_at"),
    moment("archived_at"),
    moment("snoozed_until"),
    moment("cancelled_at", comment="by a caller, for this person alone"),
    moment("due_at", comment="held until then; or not known to be announced"),
    Column("trace_id", Text, nullable=False),
    Index(
        "ix_notifications_inbox",
        "tenant",
        "subscriber",
        "version",
        "id",
        postgresql_where=text("version IS NOT NULL"),
    ),
    Index("ix_notifications_tenant_id", "tenant", "id"),
    Index("ix_notifications_tenant_subscriber_id", "tenant", "subscriber", "id"),
    Index("ix_notifications_tenant_type_id", "tenant", "type", "id"),
    Index("ix_notifications_tenant_category_id", "tenant", "category", "id"),
    Index("ix_notifications_event_subscriber", "event", "subscriber"),
    Index("ix_notifications_snoozed", "tenant", "id", postgresql_where=IS_SNOOZED),
    Index("ix_notifications_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    postgresql_partition_by=BY_ID,
)

deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    tenant_column(),
    Column("notification", UUID(as_uuid=True), nullable=False, comment="notifications.id"),
    Column("channel", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("provider", Text, comment="the last that was tried"),
    Column("asked", Text, comment="the provider that may have it: its answer is not known"),
    Column("recipient", Text, comment="the address, as the directory had it at the last claim"),
    Column("address_changes", JSONB, comment="[{at, from, to}]: found when it was claimed"),
    Column("content", JSONB, comment="rendered: {title, body, url}"),
    Column("attempt_count", SmallInteger, nullable=False, server_default=text("0")),
    Column(
        "rounds",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="claims since it was last driven: picks the wait before the next",
    ),
    moment("due_at"),
    moment("leased_until"),
    moment("expires_at"),
    moment("created_at", nullable=False, now=True),
    moment("updated_at", nullable=False, now=True),
    Column("trace_id", Text, nullable=False),
    Index("ix_deliveries_notification", "notification"),
    Index("ix_deliveries_tenant_id", "tenant", "id"),
    Index("ix_deliveries_tenant_state_id", "tenant", "state", "id"),
    Index("ix_deliveries_tenant_channel_id", "tenant", "channel", "id"),
    Index(
        "ix_deliveries_tenant_provider_id",
        "tenant",
        "provider",
        "id",
        postgresql_where=text("provider IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_tenant_reason_id",
        "tenant",
        "reason",
        "id",
        postgresql_where=text("reason IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_unsent",
        "tenant",
        "state",
        "notification",
        postgresql_where=HAS_ENDED_UNSENT,
    ),
    Index(
        "ix_deliveries_due",
        "lane",
        "due_at",
        postgresql_where=text("state IN ('scheduled', 'queued', 'sending')"),
    ),
    postgresql_partition_by=BY_ID,
)

attempts = Table(
    "attempts",
    metadata,
    id_column(),
    tenant_column(),
    Column("delivery", UUID(as_uuid=True), nullable=False, comment="deliveries.id"),
    Column("n", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    moment("started_at", nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", Text, nullable=False, comment="sent | retry | failed | unknown"),
    Column("code", Text),
    Column("detail", Text),
    Column("provider_id", Text),
    Index("ix_attempts_delivery", "delivery"),
    postgresql_partition_by=BY_ID,
)
