"""What operators look at: parked messages, capture boxes, and who changed what."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from clarion.store.tables.metadata import id_column, metadata, moment, tenant_column

parked = Table(
    "parked",
    metadata,
    id_column(),
    Column("tenant", Text, comment="NULL where the message does not tell"),
    Column("queue", Text, nullable=False, comment="where it would have been worked on"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("trace_id", Text),
    Column("source", Text, comment="of what its AMQP user publishes, where the message names none"),
    moment("parked_at", nullable=False, now=True),
    Index("ix_parked_tenant_id", "tenant", "id"),
    Index("ix_parked_tenant_trace_id", "tenant", "trace_id"),
)

captures = Table(
    "captures",
    metadata,
    id_column(),
    tenant_column(),
    Column("delivery", UUID(as_uuid=True), nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("message", JSONB, nullable=False, comment="{subject, text, html} or {body}"),
    moment("captured_at", nullable=False, now=True),
    Index("ix_captures_tenant_id", "tenant", "id"),
)

audit = Table(
    "audit",
    metadata,
    id_column(),
    tenant_column(),
    moment("at", nullable=False, now=True),
    Column("actor", Text, nullable=False, comment="the name of the API key"),
    Column("action", Text, nullable=False, comment="<subject kind>.<verb>"),
    Column("subject_kind", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="the id of what was changed"),
    Column("detail", JSONB, nullable=False),
    Index("ix_audit_tenant_id", "tenant", "id"),
    Index("ix_audit_tenant_action_id", "tenant", "action", "id"),
    Index("ix_audit_tenant_actor_id", "tenant", "actor", "id"),
    Index("ix_audit_tenant_subject_id", "tenant", "subject", "id"),
)
