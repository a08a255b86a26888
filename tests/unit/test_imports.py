"""Imports run one way, path equals import, and importing opens nothing."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.sources import ROOT, imported_names, module_name, python_files

LAYERS = (
    ("services.cli",),
    ("services.gateway", "services.notifier", "services.pusher"),
    ("clarion.service_process",),
    ("clarion.resources", "clarion.asyncapi"),
    ("clarion.records",),
    (
        "clarion.rules",
        "clarion.render",
        "clarion.bus",
        "clarion.store",
        "clarion.tokens",
        "clarion.http",
        "clarion.telemetry",
        "clarion.lifecycle",
        "clarion.settings",
        "clarion.setting_names",
        "clarion.secret_files",
        "clarion.package_data",
    ),
    ("clarion.topology",),
    ("clarion.contracts",),
    ("clarion.errors", "clarion.early_signals", "clarion.clock"),
)
"""From the top: a unit imports what stands below it, or beside it where no circle comes of it."""

PURE = ("clarion.rules", "clarion.render")
PURE_MAY_IMPORT = ("clarion.contracts", "clarion.errors")

ROOMS = {
    "services.gateway": (
        ("__main__",),
        ("process",),
        ("app",),
        ("api", "api_front"),
        ("openapi",),
        ("admin", "ingest"),
        ("front",),
        ("metrics", "settings"),
    ),
    "services.notifier": (
        ("__main__",),
        ("process",),
        ("app",),
        ("schedule",),
        ("ingest", "deliver"),
        ("plan",),
        ("parking", "publish"),
        ("messages", "drafts"),
        ("providers",),
        ("failures", "settings"),
        ("fail_points", "time_limits", "transient_retry"),
        ("metrics",),
    ),
    "services.pusher": (
        ("__main__",),
        ("process",),
        ("app",),
        ("api",),
        ("openapi", "routes"),
        ("sockets",),
        ("engine",),
        ("session",),
        ("feed",),
        ("inbox", "wire", "access"),
        ("metrics", "settings"),
    ),
}
"""Inside a service, from the top: a room imports what stands below it, and nothing beside it."""

SOURCES = list(python_files("clarion", "services"))
SERVICES = LAYERS[1]

GUARD = """
import importlib, os, sys

opened = []

def hook(event, arguments):
    if event in {"socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.system"}:
        opened.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        opened.append((event, str(arguments)))

class Watched(dict):
    def __getitem__(self, name):
        if name.startswith("CLARION_"):
            opened.append(("environment", name))
        return super().__getitem__(name)

    def get(self, name, default=None):
        return self[name] if name in self else default

os.environ = Watched(os.environ, CLARION_AMQP_URL="amqp://x", CLARION_DATABASE_URL="embedded:")
sys.addaudithook(hook)
for name, path in (line.split("=") for line in sys.argv[1:]):
    module = importlib.import_module(name)
    if module.__file__ != path:
        opened.append((name, f"is {module.__file__}"))
print(*opened, sep="\\n", end="")
"""


def unit_of(module: str) -> tuple[int, str] | None:
    """The layer and unit of a module; None where it is not ours or stands above all (a folder)."""
    for layer, units in enumerate(LAYERS):
        for unit in units:
            if module == unit or module.startswith(f"{unit}."):
                return layer, unit
    return None


def imported_units(file: Path) -> set[tuple[int, str]]:
    found = (unit_of(name) for name in imported_names(file))
    return {unit for unit in found if unit is not None}


def test_every_module_has_a_place_in_the_layers() -> None:
    folders = {"clarion", "services"}
    homeless = [str(file) for file in SOURCES if unit_of(module_name(file)) is None]
    assert [one for one in homeless if module_name(Path(one)) not in folders] == []


def test_imports_run_one_way() -> None:
    upwards: dict[str, set[str]] = {}
    for file in SOURCES:
        own = unit_of(module_name(file))
        layer = own[0] if own else len(LAYERS)
        above = {unit for other, unit in imported_units(file) if other < layer}
        if above:
            upwards[module_name(file)] = above
    assert upwards == {}


def test_imports_are_absolute() -> None:
    relative = {module_name(file): imported_names(file) for file in SOURCES}
    assert {one for one, names in relative.items() if any(n[0] == "." for n in names)} == set()


def test_services_never_import_one_another() -> None:
    for service in SERVICES:
        for file in python_files(service.replace(".", "/")):
            others = {unit for _, unit in imported_units(file) if unit in SERVICES} - {service}
            assert others == set(), module_name(file)


def test_units_of_one_layer_make_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file in SOURCES:
        own = unit_of(module_name(file))
        if own is not None:
            needs = {unit for layer, unit in imported_units(file) if layer == own[0]}
            graph.setdefault(own[1], set()).update(needs - {own[1]})
    TopologicalSorter(graph).prepare()


def room_of(service: str, module: str) -> str | None:
    """The room of a module within its service; None where it stands outside, or for the package."""
    prefix = f"{service}."
    return module.removeprefix(prefix).partition(".")[0] if module.startswith(prefix) else None


@pytest.mark.parametrize("service", ROOMS)
def test_inside_a_service_imports_run_one_way(service: str) -> None:
    level = {room: at for at, rooms in enumerate(ROOMS[service]) for room in rooms}
    wrong: set[str] = set()
    for file in python_files(service.replace(".", "/")):
        own = room_of(service, module_name(file))
        for name in imported_names(file):
            other = room_of(service, name)
            if own is None or other is None or own == other:
                continue
            if level[other] <= level[own]:
                wrong.add(f"{module_name(file)} -> {name}")
    assert wrong == set()


def test_rules_and_rendering_import_contracts_alone() -> None:
    wrong: set[str] = set()
    for unit in PURE:
        for file in python_files(unit.replace(".", "/")):
            ours = {
                one for one in imported_names(file) if one.startswith(("clarion.", "services."))
            }
            allowed = {one for one in ours if one.startswith((*PURE_MAY_IMPORT, unit))}
            wrong |= {f"{module_name(file)} -> {one}" for one in ours - allowed}
    assert wrong == set()


def test_records_never_import_one_another() -> None:
    wrong: set[str] = set()
    for file in python_files("clarion/records"):
        own = module_name(file)
        others = {one for one in imported_names(file) if one.startswith("clarion.records.")}
        wrong |= {f"{own} -> {one}" for one in others if not one.startswith(own)}
    assert wrong == set()


def test_no_modules_make_a_circle() -> None:
    modules = {module_name(file) for file in SOURCES}
    graph = {module_name(file): _imported_modules(file, modules) for file in SOURCES}
    TopologicalSorter(graph).prepare()


def _imported_modules(file: Path, modules: set[str]) -> set[str]:
    """Ours alone; a package only where nothing but its own names are taken from it."""
    names = imported_names(file)
    found = {one if one in modules else one.rpartition(".")[0] for one in names} & modules
    packages = {one for one in found if any(other.startswith(f"{one}.") for other in found)}
    return found - packages - {module_name(file)}


def test_importing_opens_nothing_and_path_equals_import() -> None:
    modules = [f"{module_name(file)}={file}" for file in SOURCES]
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", GUARD, *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
