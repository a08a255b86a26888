"""The wheel, installed alone and far from the repository, works as a checkout does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

import httpx2
import pytest

from testbed.npm import packing
from testbed.processes import run_directory, start_process
from tests.support.sources import ROOT

DATA = "clarion/_data"
SHIPPED = ("migrations", "web/bundle", "web/client", "web/demo", "web/inbox")
START = """
import sys
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="clarion")
sys.exit(script.load()())
"""
READY = "Stop with Ctrl-C."


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built by the locked hatchling."""
    folder = tmp_path_factory.mktemp("wheel")
    with packing():  # it reads web/ as others write there
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The Python of a new environment: the wheel, and the libraries of this one behind it."""
    home = Path(tempfile.mkdtemp(prefix="installed-", dir=run_directory()))
    home.chmod(0o755)
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    # As a line of a .pth: what the .pth files over there add, this checkout too, is not taken over
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin" / "python"


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


def kept_files() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *SHIPPED],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_it_brings_two_packages_with_types_and_no_others(wheel: Path) -> None:
    names = names_in(wheel)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"clarion", "services"}
    assert {"clarion/py.typed", "services/py.typed"} <= names
    assert [name for name in names if "node_modules" in name or "__pycache__" in name] == []


def test_it_holds_every_page_and_migration(wheel: Path) -> None:
    packed = {name.removeprefix(f"{DATA}/") for name in names_in(wheel) if name.startswith(DATA)}
    assert packed == kept_files()


def test_nothing_of_the_checkout_is_used(installed: Path) -> None:
    program = "import clarion, services; print(clarion.__file__, services.__file__)"
    shown = subprocess.run(
        [installed, "-c", program], cwd="/", check=True, capture_output=True, text=True
    )
    places = [Path(one) for one in shown.stdout.split()]
    assert [one.is_relative_to(installed.parents[1]) for one in places] == [True, True]


async def test_it_migrates(installed: Path, empty_postgres_url: str, tmp_path: Path) -> None:
    env = {"CLARION_DATABASE_URL": empty_postgres_url, "CLARION_AMQP_URL": "memory://"}
    for _ in range(2):
        command = [installed, "-c", START, "migrate"]
        process = await start_process(command, env=env, cwd=tmp_path)
        assert await process.wait(60) == 0, process.output()


async def test_dev_shows_page_client_and_documentation(installed: Path) -> None:
    data = Path(tempfile.mkdtemp(prefix="dev-", dir=run_directory()))
    command = [installed, "-c", START, "dev", "--port", "0", "--data", data]
    async with await start_process(
        command, cwd=data, ready=READY, timeout_s=90, env={"PYTHONPATH": os.devnull}
    ) as process:
        found = re.search(r"Clarion runs at (\S+)", process.output())
        assert found is not None
        async with httpx2.AsyncClient(base_url=found[1], follow_redirects=True) as client:
            page = await client.get("/")
            answers = {path: await client.get(path) for path in paths_of(page.text)}
        assert await process.stop() == 0
    assert {path: one.status_code for path, one in answers.items() if one.status_code != 200} == {}
    assert "Clarion" in answers["/web/clarion.js"].text[:100]
    assert len(answers) > 6


def paths_of(page: str) -> set[str]:
    """What the page loads, and what pages of others load."""
    loaded = set(re.findall(r'(?:src|href)="(/[^"#]*)"', page))
    return loaded | {"/web/clarion.js", "/web/client/clarion.js", "/web/inbox/inbox.js", "/docs"}
