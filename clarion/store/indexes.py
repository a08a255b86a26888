"""Indexes that a migration builds on tables that may be large, while they are written and read."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

NO_LOCK_LIMIT = "SET lock_timeout = 0"
"""Building waits for older transactions, but blocks no others."""

IS_INVALID = """
SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)
"""


def build_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Create it unless it is there. What an interrupted migration left half built is dropped
    first. Must be all that a migration does: it commits what came before."""
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        lock_timeout = connection.scalar(sa.text("SHOW lock_timeout"))
        connection.exec_driver_sql(NO_LOCK_LIMIT)
        if connection.scalar(sa.text(IS_INVALID), {"name": name}):
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True)
        connection.exec_driver_sql(f"SET lock_timeout = '{lock_timeout}'")


def drop_index(name: str, table: str) -> None:
    """Drop it if it is there, without a wait for those who read the table."""
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
