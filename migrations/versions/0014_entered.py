"""The version at which an item entered its inbox, which no command moves"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COMMENT = "the version at which it entered or its snooze ended; NULL counts as its version"


def upgrade() -> None:
    op.add_column(
        "notifications", sa.Column("entered", sa.BigInteger(), nullable=True, comment=COMMENT)
    )


def downgrade() -> None:
    op.drop_column("notifications", "entered")
