"""The text of events and attributes whose numbers JSONB would change

JSONB writes numbers anew: `1e308` becomes 309 digits, `1e22` an integer. Such an event or such
attributes are kept as text in a column of their own. All others stay where they were, for a new
type for the old columns would rewrite the largest table under a lock.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EVENT = "the event as accepted"
CONFLICTS = "other bodies that came under this id: [{at, digest, %s}]"


def upgrade() -> None:
    document = sa.Column(
        "document",
        postgresql.JSON(),
        nullable=True,
        comment="the event as accepted, where JSONB would change numbers",
    )
    op.add_column("events", document)
    op.alter_column("events", "body", comment=EVENT + ", unless document is set")
    op.alter_column("events", "conflicts", comment=CONFLICTS % "body | text")
    text = sa.Column(
        "attributes_text", sa.Text(), nullable=True, comment="where JSONB would change numbers"
    )
    op.add_column("subscribers", text)
    op.alter_column("subscribers", "attributes", comment="unless attributes_text is set")


def downgrade() -> None:
    op.execute(
        "UPDATE subscribers SET attributes = attributes_text::jsonb"
        " WHERE attributes_text IS NOT NULL"
    )
    op.alter_column("subscribers", "attributes", comment=None)
    op.drop_column("subscribers", "attributes_text")
    op.execute("UPDATE events SET body = document::jsonb WHERE document IS NOT NULL")
    op.execute(
        "UPDATE events SET conflicts = (SELECT jsonb_agg(CASE WHEN c ? 'text'"
        " THEN c - 'text' || jsonb_build_object('body', (c->>'text')::jsonb) ELSE c END)"
        " FROM jsonb_array_elements(conflicts) c) WHERE conflicts <> '[]'"
    )
    op.alter_column("events", "conflicts", comment=CONFLICTS % "body")
    op.alter_column("events", "body", comment=EVENT)
    op.drop_column("events", "document")
