"""Naming of constraints, and columns that many tables share."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Text, func
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[object]:
    """A UUIDv7 primary key, made by us."""
    return Column("id", UUID(as_uuid=True), primary_key=True)


def tenant_column(*, primary_key: bool = False) -> Column[str]:
    """The wall: every row belongs to exactly one tenant."""
    return Column("tenant", Text, nullable=False, primary_key=primary_key)


def moment(
    name: str, *, nullable: bool = True, now: bool = False, comment: str | None = None
) -> Column[object]:
    """A time with time zone; `now` sets the transaction's time where none is given."""
    default = func.now() if now else None
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=default,
        comment=comment,
    )
