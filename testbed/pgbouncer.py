"""PgBouncer as it is installed, before the server of a URL."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import parse_qs, urlsplit

import asyncpg

from testbed.processes import Process, free_port, run_directory, start_process, wait_until

USER = "postgres"


def find_pgbouncer() -> str:
    """Its path. Raises `RuntimeError` with what to install."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError("Install PgBouncer (Debian: apt-get install pgbouncer).")
    return found


@dataclass(frozen=True, slots=True)
class Bouncer:
    """A running PgBouncer, and the address of the same database through it."""

    process: Process
    url: str


async def start_pgbouncer(url: str, mode: str, *lines: str) -> Bouncer:
    """`lines` go into its section `[pgbouncer]`. End its process after use."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
    port, folder = free_port(), Path(mkdtemp(prefix="pgbouncer-", dir=run_directory()))
    login = f"user={USER}" + (f" password={parts.password}" if parts.password else "")
    (folder / "users").write_text(f'"{USER}" ""\n')
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        "\n".join(
            [
                "[databases]",
                f"* = host={host} port={parts.port or 5432} {login}",
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                f"listen_port = {port}",
                "auth_type = any",
                f"pool_mode = {mode}",
                "default_pool_size = 4",
                "server_round_robin = 1",
                "unix_socket_dir =",
                *lines,
                "",
            ]
        )
    )
    folder.chmod(0o755)
    command = [find_pgbouncer(), configuration]
    if os.geteuid() == 0:  # which it refuses to run as; the socket's folder is its owner's alone
        user = Path(host).owner() if host.startswith("/") else "nobody"
        command = ["setpriv", f"--reuid={user}", "--clear-groups", "--inh-caps=-all", *command]
    process = await start_process(command)
    address = f"postgresql://{USER}@127.0.0.1:{port}{parts.path}"

    async def answers() -> bool:
        connection = await asyncpg.connect(address, statement_cache_size=0)
        await connection.close()
        return True

    try:
        await wait_until(answers, 20, f"PgBouncer: {process!r}")
    except BaseException:
        process.kill()
        raise
    return Bouncer(process, address)
