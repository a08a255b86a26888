"""Bring a database to the newest schema; one migrator at a time (advisory lock)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

from clarion.store.database import sqlalchemy_url

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def migration_config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = sqlalchemy_url(url)
    return config


async def migrate(url: str) -> None:
    """Upgrade `url` to the newest revision; does nothing where it is there already."""
    await asyncio.to_thread(command.upgrade, migration_config(url), "head")
