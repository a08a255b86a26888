"""Which history this database holds"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIRST = """
INSERT INTO epoch (id, value, inboxes_oid)
VALUES (1, left(replace(gen_random_uuid()::text, '-', ''), 16), 'inboxes'::regclass::oid::bigint)
"""


def upgrade() -> None:
    op.create_table(
        "epoch",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("value", sa.Text(), nullable=False, comment="names the history, at random"),
        sa.Column(
            "began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "inboxes_oid",
            sa.BigInteger(),
            nullable=False,
            comment="of the table when it began; another tells of tables made from a dump",
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_epoch_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_epoch"),
    )
    op.execute(FIRST)


def downgrade() -> None:
    op.drop_table("epoch")
