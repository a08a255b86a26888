"""Who may have a delivery already, and addresses that changed while it waited"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ASKED = """
UPDATE deliveries d SET asked = last.provider
FROM (
  SELECT d.id, a.provider, a.outcome FROM deliveries d
  CROSS JOIN LATERAL (
    SELECT provider, outcome FROM attempts WHERE delivery = d.id ORDER BY n DESC LIMIT 1) a
  WHERE d.state IN ('scheduled', 'queued', 'sending') AND d.provider IS NOT NULL) last
WHERE d.id = last.id AND last.outcome = 'unknown'
"""
"""Until now the last attempt told."""


def upgrade() -> None:
    op.add_column(
        "deliveries",
        sa.Column(
            "asked",
            sa.Text(),
            nullable=True,
            comment="the provider that may have it: its answer is not known",
        ),
    )
    op.add_column(
        "deliveries",
        sa.Column(
            "address_changes",
            postgresql.JSONB(),
            nullable=True,
            comment="[{at, from, to}]: found when it was claimed",
        ),
    )
    op.alter_column(
        "deliveries",
        "recipient",
        comment="the address, as the directory had it at the last claim",
        existing_comment="the address, as it was when planned",
    )
    op.execute(ASKED)


def downgrade() -> None:
    op.alter_column(
        "deliveries",
        "recipient",
        comment="the address, as it was when planned",
        existing_comment="the address, as the directory had it at the last claim",
    )
    op.drop_column("deliveries", "address_changes")
    op.drop_column("deliveries", "asked")
