"""Lists of the audit, by what they filter"""

from __future__ import annotations

from clarion.store.indexes import build_index, drop_index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FILTERS = ("action", "actor", "subject")


def upgrade() -> None:
    for column in FILTERS:
        build_index(f"ix_audit_tenant_{column}_id", "audit", ["tenant", column, "id"])
    drop_index("ix_audit_tenant_subject", "audit")


def downgrade() -> None:
    build_index("ix_audit_tenant_subject", "audit", ["tenant", "subject"])
    for column in FILTERS:
        drop_index(f"ix_audit_tenant_{column}_id", "audit")
