"""The imports inside each service as arrows: `make arrows [ARGS='--at REVISION']`.

Prints for each service how many modules, levels, arrows and circles it has, and its rooms as a
Mermaid flowchart. Imports for types alone count as well. A level is the longest chain of imports
below a module; modules in a circle share one.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("gateway", "notifier", "pusher")

Graph = dict[str, set[str]]


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted names within the package, and their files; the package itself is left out."""
    found: dict[str, Path] = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = file
    return found


def imports_of(file: Path, package: str, modules: Iterable[str]) -> Iterator[str]:
    """Those of `modules` that the file imports."""
    known = set(modules)
    prefix = f"{package}."
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            inner = name.removeprefix(prefix) if name.startswith(prefix) else ""
            if inner in known:
                yield inner
            elif inner.rpartition(".")[0] in known:
                yield inner.rpartition(".")[0]


def graph_of(root: Path, service: str) -> Graph:
    """Who imports whom inside a service."""
    modules = modules_of(root / "services" / service)
    package = f"services.{service}"
    return {
        name: set(imports_of(file, package, modules)) - {name} for name, file in modules.items()
    }


def circles_of(graph: Graph) -> list[set[str]]:
    """Sets of modules that import one another, directly or not."""
    reach = {name: _reachable(graph, name) for name in graph}
    found: list[set[str]] = []
    for name in graph:
        circle = {other for other in reach[name] if name in reach[other]}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def _reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def levels_of(graph: Graph) -> int:
    """The longest chain, a circle counted as one."""
    member = {name: min(circle) for circle in circles_of(graph) for name in circle}
    joined: Graph = {}
    for name, targets in graph.items():
        own = member.get(name, name)
        others = {member.get(target, target) for target in targets} - {own}
        joined.setdefault(own, set()).update(others)
    depth: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((measure(other) for other in joined.get(name, ())), default=0)
        return depth[name]

    return max((measure(name) for name in joined), default=0)


def rooms_of(graph: Graph) -> Graph:
    """The same between rooms: the first part of a module's name."""
    rooms: Graph = {}
    for name, targets in graph.items():
        room = name.partition(".")[0]
        others = {target.partition(".")[0] for target in targets} - {room}
        rooms.setdefault(room, set()).update(others)
    return rooms


def counts(graph: Graph) -> str:
    """One line: modules, levels, arrows, circles."""
    arrows = sum(map(len, graph.values()))
    return f"{len(graph)} | {levels_of(graph)} | {arrows} | {len(circles_of(graph))}"


def flowchart(rooms: Mapping[str, set[str]]) -> str:
    """Rooms and their arrows as Mermaid."""
    arrows = [f"  {one} --> {other}" for one in sorted(rooms) for other in sorted(rooms[one])]
    return "\n".join(["```mermaid", "flowchart TD", *arrows, "```"])


def show(root: Path) -> str:
    """The whole report."""
    graphs = {service: graph_of(root, service) for service in SERVICES}
    head = "| service | of | modules | levels | arrows | circles |\n|---|---|---|---|---|---|"
    rows = [
        row
        for service, graph in graphs.items()
        for row in (
            f"| {service} | modules | {counts(graph)} |",
            f"| {service} | rooms | {counts(rooms_of(graph))} |",
        )
    ]
    charts = [f"{service}\n\n{flowchart(rooms_of(graph))}" for service, graph in graphs.items()]
    return "\n\n".join(["\n".join([head, *rows]), *charts])


def main() -> None:
    """Print the report of this checkout, or of a revision."""
    parser = argparse.ArgumentParser(prog="make arrows", description=__doc__)
    parser.add_argument("--at", metavar="REVISION", help="a commit instead of the files here")
    revision: str | None = parser.parse_args().at
    if revision is None:
        print(show(ROOT))
        return
    command = ["git", "-C", str(ROOT), "archive", revision, "services"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode:
        sys.exit(f"make arrows: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        print(show(Path(folder)))


if __name__ == "__main__":
    main()
