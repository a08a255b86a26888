"""The packages as npm ships them, with types for all, and the bundle in one file."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from testbed.npm import PACKAGES, WEB, pack_all, run, unpack
from tests.support.sources import ROOT

BUNDLE = WEB / "bundle" / "clarion.js"
PROGRAMS = Path(__file__).parent / "typed"
MAX_GZIP_BYTES = 25 * 1024 + 224
"""Everything in one file (docs/decisions/0009)."""
STRICT = ("--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler")
LIBRARIES = ("--target", "es2022", "--lib", "es2023,dom,dom.iterable", "--jsx", "react-jsx")


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which all packages were installed, beside React and Vue."""
    folder = tmp_path_factory.mktemp("consumer")
    for archive in pack_all(folder / "packed"):
        unpack(archive, folder)
    for name in ("@types", "@vue", "csstype", "react", "react-dom", "scheduler", "vue"):
        (folder / "node_modules" / name).symlink_to(ROOT / "node_modules" / name)
    return folder


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_holds_modules_with_types_and_what_it_names(consumer: Path, name: str) -> None:
    package = consumer / "node_modules" / "@clarion" / name
    packed = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    modules = {file for file in packed if file.endswith(".js")} - {"dist/clarion.js"}
    assert {f"{one.removesuffix('.js')}.d.ts" for one in modules} <= packed
    assert {"package.json", "README.md", "LICENSE"} <= packed
    assert all(one.startswith("dist/") for one in packed - {"package.json", "README.md", "LICENSE"})
    described = json.loads((package / "package.json").read_text())
    assert described["name"] == f"@clarion/{name}"
    named: list[str] = re.findall(r'"(\./[^"]+)"', json.dumps(list(described["exports"].values())))
    assert [one for one in named if "*" not in one and not (package / one).is_file()] == []


def test_all_have_the_version_of_the_product() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in PACKAGES:
        described = json.loads((WEB / name / "package.json").read_text())
        ours = {one: v for one, v in described.get("dependencies", {}).items()}
        assert (described["version"], set(ours.values()) - {version}) == (version, set()), name
    assert f"Clarion {version}," in BUNDLE.read_text()[:100]


@pytest.mark.parametrize("program", ["elements.ts", "react.tsx", "vue.ts"])
def test_a_strict_typescript_program_can_use_it(consumer: Path, program: str) -> None:
    shutil.copy(PROGRAMS / program, consumer)
    run("tsc", *STRICT, *LIBRARIES, program, cwd=consumer)


def test_the_bundle_is_what_the_sources_give(tmp_path: Path) -> None:
    run("node", WEB / "build" / "main.js", "bundle", tmp_path / "clarion.js", cwd=ROOT)
    fresh = (tmp_path / "clarion.js").read_bytes() == BUNDLE.read_bytes()
    assert fresh, "web/bundle is older than its sources: run `make packages` and commit it"


def test_client_and_elements_stay_small(tmp_path: Path) -> None:
    run("node", WEB / "build" / "main.js", "bundle", tmp_path / "clarion.js", cwd=ROOT)
    assert len(gzip.compress((tmp_path / "clarion.js").read_bytes(), 9)) < MAX_GZIP_BYTES


def test_every_language_says_everything(tmp_path: Path) -> None:
    script = WEB / "build" / "locales.js"
    run("node", script, cwd=ROOT)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    german = (WEB / "inbox" / "locales" / "de.js").read_text()
    faults = {
        "retry": ('  retry: "Erneut versuchen",\n', "", '"retry" is missing'),
        "view": (', archived: "Archiv" }', " }", 'views: "archived" is missing'),
        "form": (
            'newAbove: { one: "{count} neue Mitteilung", ',
            "newAbove: {",
            'plural form "one"',
        ),
        "hole": ("bis {time}", "bis dann", "lacks {time}"),
    }
    for before, after, fault in faults.values():
        assert before in german
        (tmp_path / "de.js").write_text(german.replace(before, after))
        with pytest.raises(AssertionError, match=re.escape(fault)):
            run("node", script, tmp_path, cwd=ROOT)
