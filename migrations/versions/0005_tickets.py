"""Single-use tickets for sessions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the ticket"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.Double(), nullable=False, comment="iat of the token"),
        sa.Column("token_expires_at", sa.Double(), nullable=False, comment="exp of the token"),
        sa.Column("jti", sa.Text(), nullable=True),
        sa.Column("publish", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tickets")),
    )
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("tickets")
