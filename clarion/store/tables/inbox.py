"""The head of each feed.

A new notification or a state change takes this row, adds to `version`, stamps what it changed
with it and adjusts `unread`, in one transaction. The row stays locked until the commit, so
versions become visible in order.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from clarion.store.tables.metadata import metadata, moment, tenant_column

inboxes = Table(
    "inboxes",
    metadata,
    tenant_column(primary_key=True),
    Column("subscriber", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column(
        "unread",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="items in the inbox neither read nor archived",
    ),
    Column(
        "read_to",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="every item with a version up to this is read",
    ),
    Column(
        "seen_to",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="every item with a version up to this is seen",
    ),
    Column(
        "floor",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="the highest version of a command that was removed",
    ),
    CheckConstraint("unread >= 0", name="unread_not_negative"),
)

inbox_commands = Table(
    "inbox_commands",
    metadata,
    tenant_column(primary_key=True),
    Column("subscriber", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("verb", Text, nullable=False),
    Column("up_to", BigInteger, comment="what entered by then is covered"),
    Column("category", Text, comment="of the items; NULL for all"),
    Column("before", UUID(as_uuid=True), comment="of a drop: items with lower ids"),
    moment("at", nullable=False),
    Column("by", Text, nullable=False, comment="through what it came"),
)
"""Commands on all items up to a version, each one entry in the feed of its inbox."""

receipts = Table(
    "receipts",
    metadata,
    Column("session", UUID(as_uuid=True), primary_key=True),
    tenant_column(),
    Column("subscriber", Text, nullable=False),
    Column("written", BigInteger, nullable=False, comment="the highest version written to it"),
    Column("acknowledged", BigInteger, nullable=False, comment="the highest that it acknowledged"),
    moment("at", nullable=False, now=True, comment="of the last change"),
    Index("ix_receipts_tenant_subscriber_session", "tenant", "subscriber", "session"),
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("value", Text, nullable=False, comment="names the history, at random"),
    moment("began_at", nullable=False, now=True),
    Column(
        "inboxes_oid",
        BigInteger,
        nullable=False,
        comment="of the table when it began; another tells of tables made from a dump",
    ),
    CheckConstraint("id = 1", name="one_row"),
)
"""One row: versions compare only within one epoch (`clarion.records.epoch`)."""

command_keys = Table(
    "command_keys",
    metadata,
    tenant_column(primary_key=True),
    Column("subscriber", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", LargeBinary, nullable=False, comment="SHA-256 of the command"),
    moment("at", nullable=False, now=True),
    Column("is_done", Boolean, nullable=False, server_default=text("false")),
    Column(
        "taken",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="how many of its items have been looked at",
    ),
    Column("up_to", BigInteger, comment="its own, at most the version of the inbox when it began"),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("unread", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Index("ix_command_keys_tenant_subscriber_at", "tenant", "subscriber", "at"),
    Index("ix_command_keys_at", "at"),
)
"""Commands by the `Idempotency-Key` that they came with, for ten minutes, and their answers."""
