"""The source of a parked message that names none itself"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "parked",
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="of what its AMQP user publishes, where the message names none",
        ),
    )


def downgrade() -> None:
    op.drop_column("parked", "source")
