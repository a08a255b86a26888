"""Indexes that a migration builds on tables that may be large, while they are written and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

NO_LOCK_LIMIT = "SET lock_timeout = 0"
"""Building waits for older transactions, but blocks no others."""

IS_INVALID = """
SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)
"""


def build_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Create it, `where` for a partial one, unless it is there. What an interrupted migration left
    half built is dropped first. Must be all that a migration does: it commits what came before."""
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        lock_timeout = connection.scalar(sa.text("SHOW lock_timeout"))
        connection.exec_driver_sql(NO_LOCK_LIMIT)
        if connection.scalar(sa.text(IS_INVALID), {"name": name}):
            op.drop_index(name, table, postgresql_concurrently=True)
        options: dict[str, Any] = {} if where is None else {"postgresql_where": sa.text(where)}
        op.create_index(
            name, table, columns, postgresql_concurrently=True, if_not_exists=True, **options
        )
        connection.exec_driver_sql(f"SET lock_timeout = '{lock_timeout}'")


def drop_index(name: str, table: str) -> None:
    """Drop it if it is there, without a wait for those who read the table."""
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


WITHOUT_IT = """
SELECT t.relname FROM pg_inherits i JOIN pg_class t ON t.oid = i.inhrelid
WHERE i.inhparent = to_regclass(:table) AND NOT EXISTS (
  SELECT 1 FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
  WHERE x.indrelid = t.oid AND p.inhparent = to_regclass(:name))
ORDER BY t.relname
"""
"""Partitions whose index is not attached to that of their table."""


def build_index_of_partitions(name: str, table: str, columns: Sequence[str], where: str) -> None:
    """Create a partial index of a partitioned table: of the table alone, which holds no rows, then
    of each partition beside its traffic. A partition that is made meanwhile brings its own. Goes on
    where it was interrupted; must be all that a migration does, as `build_index`."""
    on_table = f"ON ONLY {table} ({', '.join(columns)}) WHERE {where}"
    with op.get_context().autocommit_block():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} {on_table}")
        names = {"table": table, "name": name}
        without_it = op.get_bind().scalars(sa.text(WITHOUT_IT), names).all()
    for partition in without_it:
        of_partition = f"{name}_{partition.removeprefix(table).strip('_')}"
        build_index(of_partition, partition, columns, where)
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {of_partition}")


def drop_index_of_partitions(name: str, table: str) -> None:
    """Drop it with those of the partitions; PostgreSQL cannot do that beside traffic, so all wait
    for a moment."""
    op.drop_index(name, table, if_exists=True)
