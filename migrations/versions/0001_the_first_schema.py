"""The first schema"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from clarion.records.partitions import partition_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTITIONED = ("events", "notifications", "deliveries", "attempts")


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("delivery", sa.UUID(), nullable=False, comment="deliveries.id"),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="sent | retry | failed | unknown"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_attempts_delivery", "attempts", ["delivery"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="the name of the API key"),
        sa.Column("action", sa.Text(), nullable=False, comment="<subject kind>.<verb>"),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="the id of what was changed"),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_tenant_id", "audit", ["tenant", "id"], unique=False)
    op.create_index("ix_audit_tenant_subject", "audit", ["tenant", "subject"], unique=False)
    op.create_table(
        "captures",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("delivery", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column(
            "message",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="{subject, text, html} or {body}",
        ),
        sa.Column(
            "captured_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint("delivery", name=op.f("uq_captures_delivery")),
    )
    op.create_index("ix_captures_tenant_id", "captures", ["tenant", "id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("notification", sa.UUID(), nullable=False, comment="notifications.id"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True, comment="the last that was tried"),
        sa.Column(
            "recipient", sa.Text(), nullable=True, comment="the address, as it was when planned"
        ),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="rendered: {title, body, url}",
        ),
        sa.Column("attempt_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "rounds",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="claims since it was last driven: picks the wait before the next",
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["lane", "due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('scheduled', 'queued', 'sending')"),
    )
    op.create_index("ix_deliveries_notification", "deliveries", ["notification"], unique=False)
    op.create_index(
        "ix_deliveries_tenant_channel_id", "deliveries", ["tenant", "channel", "id"], unique=False
    )
    op.create_index("ix_deliveries_tenant_id", "deliveries", ["tenant", "id"], unique=False)
    op.create_index(
        "ix_deliveries_tenant_provider_id",
        "deliveries",
        ["tenant", "provider", "id"],
        unique=False,
        postgresql_where=sa.text("provider IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_tenant_reason_id",
        "deliveries",
        ["tenant", "reason", "id"],
        unique=False,
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_tenant_state_id", "deliveries", ["tenant", "state", "id"], unique=False
    )
    op.create_table(
        "event_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False, comment="the id that the caller gave"),
        sa.Column("event", sa.UUID(), nullable=False, comment="events.id"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of what the event says"),
        sa.PrimaryKeyConstraint("tenant", "source", "event_id", name=op.f("pk_event_keys")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "planned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="planned | parked"),
        sa.Column(
            "body",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the event as accepted",
        ),
        sa.Column(
            "unreached",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="recipients without a notification: [{subscriber, decisions}]",
        ),
        sa.Column(
            "conflicts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="other bodies that came under this id: [{at, digest, body}]",
        ),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_events_tenant_event_id", "events", ["tenant", "event_id"], unique=False)
    op.create_table(
        "inboxes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "unread",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="items in the inbox neither read nor archived",
        ),
        sa.CheckConstraint("unread >= 0", name=op.f("ck_inboxes_unread_not_negative")),
        sa.PrimaryKeyConstraint("tenant", "subscriber", name=op.f("pk_inboxes")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("event", sa.UUID(), nullable=False, comment="events.id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=True,
            comment="of the inbox; NULL where not in the inbox",
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("decisions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="held until then; or not known to be announced",
        ),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "ix_notifications_due",
        "notifications",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_notifications_event_subscriber",
        "notifications",
        ["event", "subscriber"],
        unique=False,
    )
    op.create_index(
        "ix_notifications_inbox",
        "notifications",
        ["tenant", "subscriber", "version", "id"],
        unique=False,
        postgresql_where=sa.text("version IS NOT NULL"),
    )
    op.create_index(
        "ix_notifications_tenant_category_id",
        "notifications",
        ["tenant", "category", "id"],
        unique=False,
    )
    op.create_index("ix_notifications_tenant_id", "notifications", ["tenant", "id"], unique=False)
    op.create_index(
        "ix_notifications_tenant_subscriber_id",
        "notifications",
        ["tenant", "subscriber", "id"],
        unique=False,
    )
    op.create_index(
        "ix_notifications_tenant_type_id", "notifications", ["tenant", "type", "id"], unique=False
    )
    op.create_table(
        "parked",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column(
            "tenant", sa.Text(), nullable=True, comment="NULL where the message does not tell"
        ),
        sa.Column("queue", sa.Text(), nullable=False, comment="where it would have been worked on"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked")),
    )
    op.create_index("ix_parked_tenant_id", "parked", ["tenant", "id"], unique=False)
    op.create_index("ix_parked_tenant_trace_id", "parked", ["tenant", "trace_id"], unique=False)
    op.create_table(
        "provider_rates",
        sa.Column("provider", sa.Text(), nullable=False, comment="channel:name, as in attempts"),
        sa.Column(
            "used_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the time up to which its rate is used",
        ),
        sa.Column(
            "line_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the last of those who wait has its turn",
        ),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_rates")),
    )
    op.create_table(
        "receipts",
        sa.Column("session", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column(
            "written",
            sa.BigInteger(),
            nullable=False,
            comment="the highest version written to it",
        ),
        sa.Column(
            "acknowledged",
            sa.BigInteger(),
            nullable=False,
            comment="the highest that it acknowledged",
        ),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="of the last change",
        ),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_receipts")),
    )
    op.create_index(
        "ix_receipts_tenant_subscriber_session",
        "receipts",
        ["tenant", "subscriber", "session"],
        unique=False,
    )
    op.create_table(
        "slices",
        sa.Column("event", sa.UUID(), nullable=False, comment="events.id"),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column(
            "after", sa.Text(), nullable=False, comment="the last subscriber of the slice before"
        ),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column(
            "next_topic",
            sa.Text(),
            nullable=True,
            comment="of the slice after this; NULL at the end",
        ),
        sa.Column("next_after", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="NULL once planned"),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event", "topic", "after", name=op.f("pk_slices")),
    )
    op.create_index(
        "ix_slices_due",
        "slices",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "subscribers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_subscribers")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "topic_members",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "topic", "subscriber", name=op.f("pk_topic_members")),
    )
    op.create_index(
        "ix_topic_members_tenant_subscriber",
        "topic_members",
        ["tenant", "subscriber"],
        unique=False,
    )
    op.create_table(
        "topics",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_topics")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key"),
        sa.Column(
            "hint",
            sa.Text(),
            nullable=False,
            comment="prefix and last characters, to tell keys apart",
        ),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_api_keys_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    for statement in partition_statements(datetime.now(UTC), PARTITIONED):
        op.execute(statement)
    op.execute("INSERT INTO tenants (id) VALUES ('default')")


def downgrade() -> None:
    op.drop_table("api_keys")
    op.drop_table("topics")
    op.drop_index("ix_topic_members_tenant_subscriber", table_name="topic_members")
    op.drop_table("topic_members")
    op.drop_table("tenants")
    op.drop_table("subscribers")
    op.drop_index(
        "ix_slices_due",
        table_name="slices",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("slices")
    op.drop_index("ix_receipts_tenant_subscriber_session", table_name="receipts")
    op.drop_table("receipts")
    op.drop_index("ix_parked_tenant_trace_id", table_name="parked")
    op.drop_table("provider_rates")
    op.drop_index("ix_parked_tenant_id", table_name="parked")
    op.drop_table("parked")
    op.drop_index("ix_notifications_tenant_type_id", table_name="notifications")
    op.drop_index("ix_notifications_tenant_subscriber_id", table_name="notifications")
    op.drop_index("ix_notifications_tenant_id", table_name="notifications")
    op.drop_index("ix_notifications_tenant_category_id", table_name="notifications")
    op.drop_index(
        "ix_notifications_inbox",
        table_name="notifications",
        postgresql_where=sa.text("version IS NOT NULL"),
    )
    op.drop_index("ix_notifications_event_subscriber", table_name="notifications")
    op.drop_index(
        "ix_notifications_due",
        table_name="notifications",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("notifications")
    op.drop_table("inboxes")
    op.drop_index("ix_events_tenant_event_id", table_name="events")
    op.drop_table("events")
    op.drop_table("event_keys")
    op.drop_index("ix_deliveries_tenant_state_id", table_name="deliveries")
    op.drop_index(
        "ix_deliveries_tenant_reason_id",
        table_name="deliveries",
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.drop_index(
        "ix_deliveries_tenant_provider_id",
        table_name="deliveries",
        postgresql_where=sa.text("provider IS NOT NULL"),
    )
    op.drop_index("ix_deliveries_tenant_id", table_name="deliveries")
    op.drop_index("ix_deliveries_tenant_channel_id", table_name="deliveries")
    op.drop_index("ix_deliveries_notification", table_name="deliveries")
    op.drop_index(
        "ix_deliveries_due",
        table_name="deliveries",
        postgresql_where=sa.text("state IN ('scheduled', 'queued', 'sending')"),
    )
    op.drop_table("deliveries")
    op.drop_index("ix_captures_tenant_id", table_name="captures")
    op.drop_table("captures")
    op.drop_index("ix_audit_tenant_subject", table_name="audit")
    op.drop_index("ix_audit_tenant_id", table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_attempts_delivery", table_name="attempts")
    op.drop_table("attempts")
