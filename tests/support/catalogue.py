"""What a database holds, as PostgreSQL itself spells it; partitions left out."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.pool import NullPool

from clarion.store.address import Pooler
from clarion.store.database import open_engine
from clarion.store.migrate import migrator

OURS = """
    pg_class.relnamespace = 'public'::regnamespace AND NOT pg_class.relispartition
    AND pg_class.relname <> 'alembic_version'
"""

COLUMNS = f"""
    SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'not null' END,
        'default ' || pg_get_expr(adbin, adrelid), '-- ' || col_description(pg_class.oid, attnum))
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum
    WHERE relkind IN ('r', 'p') AND {OURS}
"""

INDEXES = f"""
    SELECT pg_get_indexdef(pg_class.oid) FROM pg_class
    WHERE relkind IN ('i', 'I') AND {OURS} AND relname <> 'alembic_version_pkc'
"""

CONSTRAINTS = f"""
    SELECT concat_ws(' ', relname, conname, pg_get_constraintdef(pg_constraint.oid))
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE {OURS}
"""

PARTITIONING = f"""
    SELECT concat_ws(' ', relname, pg_get_partkeydef(oid)) FROM pg_class
    WHERE relkind = 'p' AND {OURS}
"""

PARTITIONS = """
    SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'
    AND relnamespace = 'public'::regnamespace
"""


async def rows(url: str, query: str) -> list[str]:
    """The first column of a query, sorted."""
    engine = open_engine(migrator(url, Pooler.NONE), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return sorted((await connection.scalars(text(query))).all())
    finally:
        await engine.dispose()


async def catalogue(url: str) -> list[str]:
    """Every table, column, index and constraint of a database, a line each."""
    lines: list[str] = []
    for query in (PARTITIONING, COLUMNS, INDEXES, CONSTRAINTS):
        lines.extend(await rows(url, query))
    return lines
