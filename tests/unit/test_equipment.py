"""What runs elsewhere than here (workflows, hooks, releases) names what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import release
from tests.support.sources import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-30

- Something new.

## [1.1.0] - Unreleased

- Nothing yet.
"""


def commands_of(workflow: Path) -> list[str]:
    jobs: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    return [line.strip() for step in steps for line in str(step.get("run", "")).splitlines()]


def test_every_push_is_checked_and_tested() -> None:
    assert {"make check", "make test"} <= set(commands_of(ROOT / ".github/workflows/ci.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_commands_that_are_there(workflow: Path) -> None:
    commands = "\n".join(commands_of(workflow))
    assert set(re.findall(r"\bmake ([a-z]+)", commands)) <= TARGETS
    scripts: list[str] = re.findall(r"\bscripts/[\w./]+", commands)
    assert [one for one in scripts if not (ROOT / one).is_file()] == []
    permissions = yaml.safe_load(workflow.read_text())["permissions"]
    assert permissions == {"contents": "read"}, "a job asks for more where it needs it"


def test_hooks_run_tools_of_the_lock_files() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    named = {hook["id"]: hook["entry"] for hook in hooks[0]["hooks"]}
    assert {"ruff-check", "ruff-format", "biome", "check"} <= named.keys()
    tools = set(re.findall(r"(?:\.venv/bin|node_modules/\.bin)/[\w-]+", "\n".join(named.values())))
    assert [one for one in tools if not (ROOT / one).exists()] == []


def test_owners_own_what_is_there() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    owned = [line.split()[0] for line in lines if line and line[0] not in "#*"]
    assert owned
    assert [one for one in owned if not (ROOT / one.strip("/")).exists()] == []


def test_what_is_marked_as_generated_is_there() -> None:
    lines = (ROOT / ".gitattributes").read_text().splitlines()
    marked = [line.split()[0] for line in lines if "linguist" in line]
    assert {"uv.lock", "package-lock.json", "web/bundle/clarion.js"} <= set(marked)
    assert [one for one in marked if not list(ROOT.glob(one))] == []


def test_a_release_has_the_version_of_every_package() -> None:
    assert len(set(release.versions().values())) == 1
    with pytest.raises(SystemExit, match=r"v999\.0\.0 does not fit: pyproject\.toml"):
        release.main("v999.0.0")


def test_notes_of_a_release_are_its_dated_section() -> None:
    assert release.notes(CHANGELOG, "1.2.0") == "- Something new."
    with pytest.raises(SystemExit, match=r"no date for 1\.1\.0"):
        release.notes(CHANGELOG, "1.1.0")
    with pytest.raises(SystemExit, match=r"no section for 1\.0\.0"):
        release.notes(CHANGELOG, "1.0.0")
