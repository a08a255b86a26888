"""The browser client as npm would ship it: what is in it, its types, its size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed.npm import WEB, pack, run, unpack

CLIENT = WEB / "client"
MAX_MINIFIED_BYTES = 17_730
"""All that a live feed takes on any network, shared by tabs (docs/decisions/0009)."""

USE = """
import { Clarion, ClarionError, type Item } from "@clarion/client";

const clarion = new Clarion({ token: async () => "token", share: false });
const leave: () => void = clarion.on("notification", ({ item }) => show(item));
clarion.on("state", ({ state, detail }) => console.log(state, detail));
export async function page(cursor: string | null): Promise<string | null> {
  await clarion.snooze({ upTo: 3 }, new Date());
  await clarion.read({ upTo: 3, category: "orders" });
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


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked package, installed for a consumer."""
    folder = tmp_path_factory.mktemp("consumer")
    return unpack(pack("client", folder), folder)


def test_the_package_holds_its_modules_with_types_and_nothing_else(package: Path) -> None:
    modules = {f"dist/{file.name}" for file in CLIENT.glob("*.js")}
    types = {f"{name.removesuffix('.js')}.d.ts" for name in modules}
    packed = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert packed == modules | types | {"package.json", "README.md", "LICENSE"}
    described = json.loads((package / "package.json").read_text())
    assert (package / described["exports"]["."]["types"]).exists()
    assert "dependencies" not in described


def test_a_typescript_program_can_use_it(package: Path) -> None:
    consumer = package.parents[2]
    (consumer / "use.ts").write_text(USE)
    strict = ("--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler")
    libraries = ("--target", "es2022", "--lib", "es2023,dom,dom.iterable")
    run("tsc", *strict, *libraries, "use.ts", cwd=consumer)


def test_no_part_of_it_is_loaded_later() -> None:
    """Firefox does not fetch a module again that it could not have once."""
    assert [file.name for file in CLIENT.glob("*.js") if "await import(" in file.read_text()] == []


def test_the_client_stays_small(package: Path) -> None:
    bundle = ("esbuild", package / "dist/clarion.js", "--bundle", "--minify", "--format=esm")
    assert len(run(*bundle, cwd=package)) <= MAX_MINIFIED_BYTES
