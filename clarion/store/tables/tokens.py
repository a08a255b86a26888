"""What is known of subscriber tokens, which themselves are never stored."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from clarion.store.tables.metadata import metadata, moment, tenant_column

revocations = Table(
    "revocations",
    metadata,
    tenant_column(primary_key=True),
    Column("subscriber", Text, primary_key=True),
    Column("jti", Text, primary_key=True, comment="of one token; empty for all"),
    moment("issued_before", nullable=False, comment="tokens issued before; unused with a jti"),
    moment("revoked_at", nullable=False, now=True, comment="of the last change"),
    moment("kept_until", nullable=False, comment="then every such token has expired"),
    Index("ix_revocations_revoked_at", "revoked_at"),
    Index("ix_revocations_kept_until", "kept_until"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the ticket"),
    tenant_column(),
    Column("subscriber", Text, nullable=False),
    Column("issued_at", Double, nullable=False, comment="iat of the token"),
    Column("token_expires_at", Double, nullable=False, comment="exp of the token"),
    Column("jti", Text),
    Column("publish", ARRAY(Text), nullable=False),
    moment("expires_at", nullable=False),
    Index("ix_tickets_expires_at", "expires_at"),
)
