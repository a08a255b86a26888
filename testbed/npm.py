"""The packages of `web/` as npm packs them, and the node tools of this checkout."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
PACKAGES = ("client", "inbox", "react", "vue")
BIN = ROOT / "node_modules" / ".bin"


def run(*command: str | Path, cwd: Path, timeout_s: float = 100) -> str:
    """The output of a node tool that must succeed."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    npm = {"npm_config_cache": str(ROOT / ".cache" / "npm"), "npm_config_prefer_offline": "true"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **npm, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def packing() -> Iterator[None]:
    """While nobody else of this checkout packs: each writes `web/*/dist` anew."""
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    with (folder / "packing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pack(name: str, to: Path, web: Path = WEB) -> Path:
    """The tarball that `npm pack` makes in the folder of this package."""
    with packing():
        run("npm", "pack", "--silent", "--pack-destination", to, cwd=web / name)
    (archive,) = to.glob(f"clarion-{name}-*.tgz")
    return archive


def pack_all(to: Path) -> list[Path]:
    """The tarballs of all packages, as `make packages` makes them."""
    with packing():
        run("node", WEB / "build" / "main.js", "all", to, cwd=ROOT)
    return [next(to.glob(f"clarion-{name}-*.tgz")) for name in PACKAGES]


def unpack(archive: Path, consumer: Path) -> Path:
    """The package as `npm install` leaves it in this folder."""
    name = archive.name.split("-")[1]
    scope = consumer / "node_modules" / "@clarion"
    with tarfile.open(archive) as packed:
        packed.extractall(scope / f"{name}.tgz", filter="data")
    (scope / f"{name}.tgz" / "package").rename(scope / name)
    (scope / f"{name}.tgz").rmdir()
    return scope / name
