"""Cancellations, which planning and every attempt ask"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cancellations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False, comment="the id that the caller gave"),
        sa.Column("source", sa.Text(), nullable=False, comment="empty for any"),
        sa.Column(
            "accepted_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="NULL where the event was known; else what was accepted then",
        ),
        sa.Column(
            "cancelled_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="the name of the API key"),
        sa.PrimaryKeyConstraint("tenant", "event_id", "source", name="pk_cancellations"),
    )
    op.add_column(
        "notifications",
        sa.Column(
            "cancelled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="by a caller, for this person alone",
        ),
    )


def downgrade() -> None:
    op.drop_column("notifications", "cancelled_at")
    op.drop_table("cancellations")
