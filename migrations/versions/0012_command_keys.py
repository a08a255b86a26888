"""Commands that were carried out, by the key that a caller gave them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "command_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="SHA-256 of the command"),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("is_done", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "taken",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how many of its items have been looked at",
        ),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("unread", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subscriber", "key", name="pk_command_keys"),
    )
    op.create_index(
        "ix_command_keys_tenant_subscriber_at", "command_keys", ["tenant", "subscriber", "at"]
    )
    op.create_index("ix_command_keys_at", "command_keys", ["at"])


def downgrade() -> None:
    op.drop_table("command_keys")
