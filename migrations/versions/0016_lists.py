"""Lists that do not grow: snoozed items, and notifications by deliveries that ended unsent"""

from __future__ import annotations

from clarion.store.indexes import build_index_of_partitions, drop_index_of_partitions

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SNOOZED = "snoozed_until > '-infinity'::timestamptz"
UNSENT = "state IN ('failed', 'dead', 'bounced', 'skipped', 'cancelled', 'expired')"


def upgrade() -> None:
    build_index_of_partitions(
        "ix_notifications_snoozed", "notifications", ["tenant", "id"], SNOOZED
    )
    build_index_of_partitions(
        "ix_deliveries_unsent", "deliveries", ["tenant", "state", "notification"], UNSENT
    )


def downgrade() -> None:
    drop_index_of_partitions("ix_deliveries_unsent", "deliveries")
    drop_index_of_partitions("ix_notifications_snoozed", "notifications")
