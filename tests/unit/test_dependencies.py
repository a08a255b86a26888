"""What is imported is declared, internals of others are touched in one place, licences fit."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from clarion.errors import ConfigurationError
from clarion.lifecycle import uvicorn_internals
from clarion.lifecycle.serving import serve
from scripts import licenses
from tests.support.sources import ROOT, imported_names, python_files

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
OURS = {path.stem for path in (*ROOT.iterdir(), *ROOT.glob("scripts/*.py"))} | {"_typeshed"}
DISTRIBUTIONS = packages_distributions()
SHIPPED = ("clarion", "services", "migrations")
TOOLS = ("bench", "chaos", "scripts", "tests")
INTERNALS = {
    "aio-pika": "clarion/bus/rabbitmq/aiormq_internals.py",
    "aiormq": "clarion/bus/rabbitmq/aiormq_internals.py",
    "uvicorn": "clarion/lifecycle/uvicorn_internals.py",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: list[str]) -> set[str]:
    return {normal(Requirement(one).name) for one in requirements}


def undeclared(packages: tuple[str, ...], declared: set[str]) -> dict[str, set[str]]:
    """By module, what files of these packages import of distributions that are not declared."""
    found: dict[str, set[str]] = {}
    for file in python_files(*packages):
        for name in imported_names(file):
            top = name.partition(".")[0]
            if not top or top in sys.stdlib_module_names or top in OURS:
                continue
            if not {normal(one) for one in DISTRIBUTIONS.get(top, ())} & declared:
                found.setdefault(top, set()).add(str(file.relative_to(ROOT)))
    return found


def test_every_distribution_that_is_imported_is_declared() -> None:
    assert undeclared(SHIPPED, names_of(PROJECT["dependencies"])) == {}


def test_what_tests_and_tools_import_is_declared() -> None:
    groups = [one for group in PYPROJECT["dependency-groups"].values() for one in group]
    missing = undeclared(TOOLS, names_of([*PROJECT["dependencies"], *groups]))
    assert missing == {}


@pytest.mark.parametrize(("name", "module"), INTERNALS.items())
def test_whose_internals_we_touch_is_pinned_to_a_minor_version(name: str, module: str) -> None:
    wanted = {normal(Requirement(one).name): Requirement(one) for one in PROJECT["dependencies"]}
    locked = re.findall(rf"^{name}==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    major, minor = Version(locked[0]).release[:2]
    assert locked[0] in wanted[name].specifier
    assert f"{major}.{minor}.999" in wanted[name].specifier
    assert f"{major}.{minor + 1}.0" not in wanted[name].specifier
    assert (ROOT / module).is_file()


def test_internals_of_uvicorn_are_named_in_one_module() -> None:
    deep = {
        str(file.relative_to(ROOT))
        for file in python_files("clarion", "services")
        if any(name.startswith("uvicorn.") and name.count(".") > 1 for name in imported_names(file))
    }
    assert deep == {INTERNALS["uvicorn"]}


async def test_another_uvicorn_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed:
        def should_upgrade(self) -> bool:
            return False

    other = ((Renamed, frozenset({"should_upgrade", "_should_upgrade"})),)
    monkeypatch.setattr(uvicorn_internals, "NEEDED", other)
    with pytest.raises(ConfigurationError, match=r"uvicorn [0-9.]+ has not the .*_should_upgrade"):
        await serve(nobody, host="127.0.0.1", port=0, shutdown_timeout_s=1)


async def nobody(*_: object) -> None:
    raise AssertionError("nothing is served")


def test_all_that_is_shipped_has_a_licence_that_we_can_ship() -> None:
    rows = list(licenses.everything())
    assert {one.where for one in rows} >= {"Python", "vendored"}
    assert len(rows) > 50
    assert [one for one in rows if not licenses.is_permitted(one.licence)] == []


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("Apache-2.0 AND GPL-3.0-only", False),
        ("(MIT OR GPL-2.0-only) AND BSD-3-Clause", True),
        ("(MIT AND AGPL-3.0-only) OR LGPL-3.0-only", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("SSPL-1.0", False),
        ("unknown", False),
        ("", False),
        ("MIT MIT", False),
    ],
)
def test_a_licence_is_refused_that_binds_who_uses_clarion(expression: str, permitted: bool) -> None:
    assert licenses.is_permitted(expression) is permitted


def test_what_a_bundle_of_others_says_is_read(tmp_path: Path) -> None:
    (tmp_path / "CHECKSUMS").write_text("# some-dist 1.2, MIT; of the files\n")
    comments = "/*! one, MIT license */ /*! two (GPL) */ /*! three, all rights reserved */"
    (tmp_path / "some-bundle.js.LICENSE.txt").write_text(comments)
    found = [one.licence for one in licenses.viewer(tmp_path)]
    assert found == ["MIT", "MIT", "copyleft", "unknown"]
