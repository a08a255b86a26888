"""What explains: changes of items, duplicates of events, and lists that are asked for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notifications",
        sa.Column(
            "changes",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="what was done to it in its inbox: [{at, what, by, version, was}]",
        ),
    )
    op.add_column(
        "events",
        sa.Column(
            "duplicates",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how often it came again",
        ),
    )
    op.add_column(
        "events",
        sa.Column(
            "duplicate_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it last came again",
        ),
    )


def downgrade() -> None:
    op.drop_column("events", "duplicate_at")
    op.drop_column("events", "duplicates")
    op.drop_column("notifications", "changes")
