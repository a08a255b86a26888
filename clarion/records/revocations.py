"""Revoked subscriber tokens: written by the gateway, read by every pusher.

A row is kept until every token that it covers has expired. Each revocation deletes some expired
rows, so the table is bounded by the revocations within the longest lifetime of a token.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.revocation import Revocation
from clarion.store.database import Driver
from clarion.store.tables import revocations

EVERY_TOKEN = ""
"""In the column `jti`: the row covers all tokens of its subscriber."""
TRIMMED_AT_ONCE = 100

CHANGED_AFTER = """
SELECT tenant, subscriber, jti, issued_before, revoked_at, kept_until FROM revocations
WHERE (revoked_at, tenant, subscriber, jti) > ($1, $2, $3, $4) AND kept_until > now()
ORDER BY revoked_at, tenant, subscriber, jti LIMIT $5
"""


class RevocationCursor(NamedTuple):
    """A position after this row, in the order of changes."""

    revoked_at: datetime = datetime.fromtimestamp(0, UTC)
    tenant: str = ""
    subscriber: str = ""
    jti: str = ""

    def back(self, overlap: timedelta) -> RevocationCursor:
        """A cursor that much earlier, for transactions that began before and committed after."""
        first = RevocationCursor()
        return RevocationCursor(self.revoked_at - overlap) if self > first else first


async def revoke(connection: AsyncConnection, revocation: Revocation) -> Revocation:
    """Store the revocation, merged with an earlier one of the same tokens, and return the
    result."""
    columns = revocations.c
    await _trim(connection)
    statement = insert(revocations).values(
        tenant=revocation.tenant,
        subscriber=revocation.subscriber,
        jti=revocation.jti or EVERY_TOKEN,
        issued_before=datetime.fromtimestamp(revocation.issued_before, UTC),
        kept_until=datetime.fromtimestamp(revocation.kept_until, UTC),
    )
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[columns.tenant, columns.subscriber, columns.jti],
        set_={
            "issued_before": func.greatest(columns.issued_before, new.issued_before),
            "kept_until": func.greatest(columns.kept_until, new.kept_until),
            "revoked_at": func.now(),
        },
    )
    row = (await connection.execute(statement.returning(revocations))).mappings().one()
    return _revocation(row)


async def changed_after(
    connection: Driver, place: RevocationCursor, limit: int
) -> list[tuple[RevocationCursor, Revocation]]:
    """Up to `limit` revocations in force, each with its position."""
    rows = await connection.fetch(CHANGED_AFTER, *place, limit)
    return [(_cursor(row), _revocation(row)) for row in rows]


async def _trim(connection: AsyncConnection) -> None:
    columns = revocations.c
    key = (columns.tenant, columns.subscriber, columns.jti)
    over = (
        select(*key)
        .where(columns.kept_until < func.now())
        .limit(TRIMMED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await connection.execute(delete(revocations).where(tuple_(*key).in_(over)))


def _cursor(row: Any) -> RevocationCursor:
    return RevocationCursor(row["revoked_at"], row["tenant"], row["subscriber"], row["jti"])


def _revocation(row: Any) -> Revocation:
    return Revocation(
        v=1,
        tenant=row["tenant"],
        subscriber=row["subscriber"],
        jti=row["jti"] or None,
        issued_before=row["issued_before"].timestamp() if not row["jti"] else 0.0,
        kept_until=row["kept_until"].timestamp(),
    )
