"""`npm pack` where nothing was set up: no Python environment, no `node_modules`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from testbed.npm import WEB, pack, unpack
from tests.support.sources import ROOT


def test_npm_pack_works_on_a_fresh_checkout(tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns("dist", "LICENSE", "node_modules")
    shutil.copytree(WEB, tmp_path / "web", ignore=left_out)
    for file in ("package.json", "package-lock.json", ".npmrc", "LICENSE"):
        shutil.copy(ROOT / file, tmp_path)
    archive = pack("inbox", tmp_path, tmp_path / "web")
    described = unpack(archive, tmp_path / "consumer") / "package.json"
    entry = json.loads(described.read_text())["exports"]["."]
    assert (described.parent / entry["types"]).is_file()
    assert (described.parent / entry["default"]).is_file()
