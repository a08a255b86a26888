"""Commands with up_to as one entry in the feed, and room in the pages of notifications

Pages that are full keep their rows; new ones have room for another version of each row, so that
setting `read_at` and `seen_at` writes no index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MARKS = {
    "read_to": "every item with a version up to this is read",
    "seen_to": "every item with a version up to this is seen",
    "floor": "the highest version of a command that was removed",
}

FILL = """
DO $$
DECLARE partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'notifications'::regclass
    LOOP
        EXECUTE format('ALTER TABLE %s {change}', partition);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "inbox_commands",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column(
            "up_to", sa.BigInteger(), nullable=True, comment="what entered by then is covered"
        ),
        sa.Column("category", sa.Text(), nullable=True, comment="of the items; NULL for all"),
        sa.Column("before", sa.UUID(), nullable=True, comment="of a drop: items with lower ids"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False, comment="through what it came"),
        sa.PrimaryKeyConstraint("tenant", "subscriber", "version", name="pk_inbox_commands"),
    )
    for name, comment in MARKS.items():
        column = sa.Column(
            name, sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment=comment
        )
        op.add_column("inboxes", column)
    op.add_column(
        "command_keys",
        sa.Column(
            "up_to",
            sa.BigInteger(),
            nullable=True,
            comment="its own, at most the version of the inbox when it began",
        ),
    )
    op.execute(FILL.format(change="SET (fillfactor = 50)"))


def downgrade() -> None:
    op.execute(FILL.format(change="RESET (fillfactor)"))
    op.drop_column("command_keys", "up_to")
    for name in reversed(MARKS):
        op.drop_column("inboxes", name)
    op.drop_table("inbox_commands")
