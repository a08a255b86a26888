"""Who may have a delivery already, and addresses that changed while it waited

Nothing is written into the rows that are there: their table is held while this runs, and there may
be millions. For them the claim asks the last attempt who may have it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
    op.alter_column(
        "deliveries",
        "recipient",
        comment="the address, as it was when planned",
        existing_comment="the address, as the directory had it at the last claim",
    )
    op.drop_column("deliveries", "address_changes")
    op.drop_column("deliveries", "asked")
