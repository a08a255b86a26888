"""Apps of other people's making, with their frameworks and our packages as they are packed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from testbed.nginx import answering
from testbed.npm import BIN, run, unpack
from testbed.processes import Process, start_process
from tests.support.sources import ROOT

PACKAGES = ROOT / "tests" / "packages"
CACHE = ROOT / ".cache" / "frameworks"
TEMPLATES = {"react": "react-ts", "vue": "vue-ts"}
PATH = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"


def installed(name: str) -> Path:
    """The folder with this framework as its own lock says, installed once."""
    source, folder = PACKAGES / name, CACHE / name
    lock = (source / "package-lock.json").read_bytes()
    stamp, digest = folder / ".installed", hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / file, folder)
        run("npm", "ci", "--ignore-scripts", "--silent", cwd=folder, timeout_s=280)
        stamp.write_text(digest)
    return folder


def make_app(name: str, archives: Sequence[Path]) -> Path:
    """An app from the framework's template, in which our packages were installed."""
    folder = installed(name)
    app = folder / "app"
    shutil.rmtree(app, ignore_errors=True)
    if template := TEMPLATES.get(name):
        create = ("node_modules/create-vite/index.js", "app", "--template", template)
        run("node", *create, "--no-interactive", cwd=folder)
    shutil.copytree(PACKAGES / name / "app", app, dirs_exist_ok=True)
    for archive in archives:
        unpack(archive, app)
    return app


@asynccontextmanager
async def served(app: Path, port: int, clarion: str) -> AsyncIterator[Process]:
    """The app, checked by its own `tsc` and built as for production, on this port."""
    is_next = (app / "next.config.mjs").exists()
    name = "NEXT_PUBLIC_CLARION" if is_next else "VITE_CLARION"
    told = {name: f"{clarion}/v1/live", "NEXT_TELEMETRY_DISABLED": "1", "PATH": PATH}
    env = {**os.environ, **told}
    async with await start_process(["npm", "run", "build"], cwd=app, env=env) as build:
        assert await build.wait(300) == 0, build.output()
    serve = ("start", "--", "-H") if is_next else ("preview", "--", "--host")
    command = ["npm", "run", *serve, "127.0.0.1", "--port", str(port)]
    process = await start_process(command, cwd=app, env=env)
    try:
        await answering(f"http://127.0.0.1:{port}/", process)
        yield process
    finally:
        process.kill()  # npm passes no signal on to the server that it runs
