"""`uv.lock` belongs to pyproject.toml, and what is exported of it for any index says the same."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement

from tests.support.sources import ROOT

PUBLIC = {"pypi.org", "files.pythonhosted.org"}
"""What uv writes for everybody who has no index of his own."""
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: dict[tuple[str, str], dict[str, Any]] = {
    (one["name"], one["version"]): one for one in LOCK["package"] if "version" in one
}
(CLARION,) = [one for one in LOCK["package"] if one["name"] == "clarion"]
EXPORTS = {"requirements.lock", "requirements-dev.lock", "requirements-docs.lock"}


def exported(name: str) -> dict[tuple[str, str], set[str]]:
    """The hashes of each package and version of an export."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / name).read_text()):
        pinned = re.match(r"([a-z0-9-]+)(?:\[[a-z,]+\])?==([^\s;]+)", entry)
        if pinned:
            hashes = re.findall(r"--hash=(\S+)", entry)
            found.setdefault((pinned[1], pinned[2]), set()).update(hashes)
    return found


def hashes_of(package: dict[str, Any]) -> set[str]:
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
    return {file["hash"] for file in files}


def wanted(requirements: list[str]) -> set[tuple[str, str]]:
    found = [Requirement(one) for one in requirements]
    return {(one.name, str(one.specifier)) for one in found}


def locked(entries: list[dict[str, Any]]) -> set[tuple[str, str]]:
    found = [Requirement(one["name"] + one.get("specifier", "")) for one in entries]
    return {(one.name, str(one.specifier)) for one in found}


def test_the_lock_is_of_this_pyproject() -> None:
    said = CLARION["metadata"]
    assert locked(said["requires-dist"]) == wanted(PYPROJECT["project"]["dependencies"])
    groups = PYPROJECT["dependency-groups"]
    assert {name: locked(entries) for name, entries in said["requires-dev"].items()} == {
        name: wanted(entries) for name, entries in groups.items()
    }


def test_the_lock_names_the_public_index_alone() -> None:
    hosts = re.findall(r"\w+://([^/\"\s]+)", (ROOT / "uv.lock").read_text())
    assert set(hosts) == PUBLIC


def test_exports_say_what_the_lock_says() -> None:
    both: set[tuple[str, str]] = set()
    for name in EXPORTS:
        for package, hashes in exported(name).items():
            assert hashes == hashes_of(PACKAGES[package]), (name, package)
            both.add(package)
    assert both == {key for key in PACKAGES if key[0] != "clarion"}
