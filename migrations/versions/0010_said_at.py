"""When what is known of a subscriber was said, and who was deleted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIMES = ("email_at", "phone_at", "locale_at", "timezone_at", "attributes_at")


def upgrade() -> None:
    for name in TIMES:
        comment = "when this was said; NULL: see updated_at" if name == "email_at" else None
        column = sa.Column(name, sa.DateTime(timezone=True), nullable=True, comment=comment)
        op.add_column("subscribers", column)
    op.create_table(
        "deleted_subscribers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="what was said before holds no more",
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_deleted_subscribers"),
    )


def downgrade() -> None:
    op.drop_table("deleted_subscribers")
    for name in reversed(TIMES):
        op.drop_column("subscribers", name)
