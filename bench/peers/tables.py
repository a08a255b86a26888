"""The peer's tables, as ORM classes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSONB, str: Text}  # noqa: RUF012  (as SQLAlchemy has it)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("tenant", "source", "event_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant: Mapped[str]
    source: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Inbox(Base):
    __tablename__ = "inboxes"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    subscriber: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    unread: Mapped[int] = mapped_column(default=0)


class Notification(Base):
    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    event: Mapped[UUID] = mapped_column(ForeignKey("events.id"))
    tenant: Mapped[str]
    subscriber: Mapped[str]
    version: Mapped[int]
    title: Mapped[str]
    url: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]
