"""The shape of the sources: small files, names that say something, locks that name no registry."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict

import pytest

from tests.support.sources import ROOT, python_files

MAX_LINES = 250
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
SOURCES = list(python_files("clarion", "services", "scripts"))
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-docs.lock",
    "package-lock.json",
    "bench/browser/package-lock.json",
    *(f"tests/packages/{name}/package-lock.json" for name in ("next", "react", "vue")),
)


def test_a_file_fits_in_one_reading() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_has_an_empty_name() -> None:
    named = {file for file in SOURCES if set(re.split(r"[_.]", file.stem)) & EMPTY_WORDS}
    assert named == set()


def test_a_public_class_name_has_one_owner() -> None:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for file in python_files("clarion", "services"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners[node.name].append(str(file.relative_to(ROOT)))
    double = {name: files for name, files in owners.items() if len(files) > 1}
    assert double == {}


def test_the_app_of_a_service_is_made_in_one_place() -> None:
    makers = [file.name for file in SOURCES if re.search(r"\bFastAPI\(", file.read_text())]
    assert makers == ["apis.py"]


def test_the_process_of_a_service_is_written_once() -> None:
    servers = [file.name for file in SOURCES if re.search(r"\bawait serve\(", file.read_text())]
    assert servers == ["service_process.py", "serving.py"], "serving.py is of clarion dev"


def test_what_is_shipped_is_not_found_by_counting_folders() -> None:
    counted = [str(file.relative_to(ROOT)) for file in python_files("clarion", "services")
               if re.search(r"\.parents\[|\.parent\.parent", file.read_text())]  # fmt: skip
    assert counted == [], "clarion.package_data knows where files are"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    assert re.findall(r"\w+://\S+", (ROOT / name).read_text()) == []


def test_every_locked_requirement_has_hashes() -> None:
    for name in LOCKS[:3]:
        entries = re.split(r"\n(?=\S)", (ROOT / name).read_text())
        pinned = [entry for entry in entries if re.match(r"[a-zA-Z0-9]", entry)]
        assert [entry for entry in pinned if "==" not in entry or "--hash=" not in entry] == []


def test_the_node_lock_belongs_to_the_package_file() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert locked[""]["devDependencies"] == wanted
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_make_help_lists_every_command() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    phony = next(line for line in lines if line.startswith(".PHONY:")).split()[1:]
    described = [match[1] for line in lines if (match := re.match(r"([a-z]+):.*## \S", line))]
    assert sorted(described) == sorted(phony)
