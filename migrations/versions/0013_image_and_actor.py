"""A picture and the name of who acted, for an item"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COMMENTS = {"image": "https, or a path of the page that shows it", "actor": "a name to show"}


def upgrade() -> None:
    for name, comment in COMMENTS.items():
        op.add_column("notifications", sa.Column(name, sa.Text(), nullable=True, comment=comment))


def downgrade() -> None:
    for name in reversed(COMMENTS):
        op.drop_column("notifications", name)
