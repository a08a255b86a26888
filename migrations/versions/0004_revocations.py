"""Revoked subscriber tokens"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False, comment="of one token; empty for all"),
        sa.Column(
            "issued_before",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="tokens issued before; unused with a jti",
        ),
        sa.Column(
            "revoked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="of the last change",
        ),
        sa.Column(
            "kept_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="then every such token has expired",
        ),
        sa.PrimaryKeyConstraint("tenant", "subscriber", "jti", name=op.f("pk_revocations")),
    )
    op.create_index("ix_revocations_revoked_at", "revocations", ["revoked_at"], unique=False)
    op.create_index("ix_revocations_kept_until", "revocations", ["kept_until"], unique=False)


def downgrade() -> None:
    op.drop_table("revocations")
