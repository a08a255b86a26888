"""What operators look at: parked messages, and what a capture box would have sent."""

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
    moment("parked_at", nullable=False, now=True),
    Index("ix_parked_tenant_id", "tenant", "id"),
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
