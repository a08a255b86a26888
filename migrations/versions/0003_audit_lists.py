"""Lists of the audit, by what they filter"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FILTERS = ("action", "actor", "subject")


def upgrade() -> None:
    for column in FILTERS:
        op.create_index(f"ix_audit_tenant_{column}_id", "audit", ["tenant", column, "id"])
    op.drop_index("ix_audit_tenant_subject", "audit")


def downgrade() -> None:
    op.create_index("ix_audit_tenant_subject", "audit", ["tenant", "subject"])
    for column in FILTERS:
        op.drop_index(f"ix_audit_tenant_{column}_id", "audit")
