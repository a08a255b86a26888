"""How often providers may be asked, over all notifiers."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from clarion.store.tables.metadata import metadata, moment

provider_rates = Table(
    "provider_rates",
    metadata,
    Column("provider", Text, primary_key=True, comment="channel:name, as in attempts"),
    moment("used_until", nullable=False, comment="the time up to which its rate is used"),
    moment("line_until", nullable=False, comment="when the last of those who wait has its turn"),
)
