"""Who there is: tenants, their keys, subscribers and topics."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from clarion.store.tables.metadata import id_column, metadata, moment, tenant_column

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    moment("created_at", nullable=False, now=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    Column("tenant", Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the key"),
    Column("hint", Text, nullable=False, comment="prefix and last characters, to tell keys apart"),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at", nullable=False, now=True),
    moment("expires_at"),
    moment("revoked_at"),
)

subscribers = Table(
    "subscribers",
    metadata,
    tenant_column(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("email", Text),
    Column("phone", Text),
    Column("locale", Text),
    Column("timezone", Text),
    Column("attributes", JSONB, comment="unless attributes_text is set"),
    Column("attributes_text", Text, comment="where JSONB would change numbers"),
    moment("created_at", nullable=False, now=True),
    moment("updated_at", nullable=False, now=True),
    moment("email_at", comment="when this was said; NULL: see updated_at"),
    moment("phone_at"),
    moment("locale_at"),
    moment("timezone_at"),
    moment("attributes_at"),
)

deleted_subscribers = Table(
    "deleted_subscribers",
    metadata,
    tenant_column(primary_key=True),
    Column("id", Text, primary_key=True),
    moment("deleted_at", nullable=False, comment="what was said before holds no more"),
)

topics = Table(
    "topics",
    metadata,
    tenant_column(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text),
    moment("created_at", nullable=False, now=True),
)

topic_members = Table(
    "topic_members",
    metadata,
    tenant_column(primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("subscriber", Text, primary_key=True),
    moment("created_at", nullable=False, now=True),
    Index("ix_topic_members_tenant_subscriber", "tenant", "subscriber"),
)
