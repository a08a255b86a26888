"""The browser client as npm would ship it: what is in it, its types, its size."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.sources import ROOT

CLIENT = ROOT / "web" / "client"
BIN = ROOT / "node_modules" / ".bin"
ON_DEMAND = ("arrivals", "rest", "stream")
MAX_MINIFIED_BYTES = 8_191
"""All that a live feed by WebSocket takes, shared by tabs (docs/decisions/0009)."""
MAX_WITH_ALL_PARTS_BYTES = 11_800
"""With what is loaded when it is first used: lists, loops, server-sent events."""

USE = """
import { Clarion, ClarionError, type Item } from "clarion-client";

const clarion = new Clarion({ token: async () => "token", share: false });
const leave: () => void = clarion.on("notification", ({ item }) => show(item));
clarion.on("state", ({ state, detail }) => console.log(state, detail));
export async function page(cursor: string | null): Promise<string | null> {
  await clarion.snooze({ upTo: 3 }, new Date());
  await clarion.publish("room:42", { text: "hi" });
  const { items, next_cursor } = await clarion.list({ state: "unread", cursor });
  items.forEach(show);
  for await (const { item } of clarion.notifications({ whenFull: "throw" })) show(item);
  leave();
  return next_cursor;
}
function show(item: Item): string {
  // @ts-expect-error an item has no such thing
  item.nothing;
  return `${item.title} ${item.read_at ?? "unread"}`;
}
export function code(error: unknown): string | undefined {
  return error instanceof ClarionError ? error.code : undefined;
}
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a node tool that must succeed."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    env = dict(os.environ, PATH=path, npm_config_cache=str(ROOT / ".cache" / "npm"))
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked package, installed for a consumer."""
    folder = tmp_path_factory.mktemp("consumer")
    run("npm", "pack", "--silent", "--pack-destination", folder, cwd=CLIENT)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "node_modules", filter="data")
    (folder / "node_modules" / "package").rename(folder / "node_modules" / "clarion-client")
    return folder / "node_modules" / "clarion-client"


def test_the_package_holds_its_modules_with_types_and_nothing_else(package: Path) -> None:
    modules = {file.name for file in CLIENT.glob("*.js")}
    types = {f"types/{name.removesuffix('.js')}.d.ts" for name in modules}
    packed = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert packed == modules | types | {"package.json", "README.md", "LICENSE"}
    described = json.loads((package / "package.json").read_text())
    assert (package / described["exports"]["."]["types"]).exists()
    assert "dependencies" not in described


def test_a_typescript_program_can_use_it(package: Path) -> None:
    consumer = package.parents[1]
    (consumer / "use.ts").write_text(USE)
    strict = ("--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler")
    libraries = ("--target", "es2022", "--lib", "es2023,dom,dom.iterable")
    run("tsc", *strict, *libraries, "use.ts", cwd=consumer)


def test_the_client_stays_small(package: Path) -> None:
    bundle = ("esbuild", package / "clarion.js", "--bundle", "--minify", "--format=esm")
    later = [f"--external:./{name}.js" for name in ON_DEMAND]
    assert len(run(*bundle, *later, cwd=package)) <= MAX_MINIFIED_BYTES
    assert len(run(*bundle, cwd=package)) <= MAX_WITH_ALL_PARTS_BYTES
