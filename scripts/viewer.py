"""Takes the viewer of the API documentation out of `node_modules`, as package-lock.json pins it;
a test compares. Run after a new version: python scripts/viewer.py
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "node_modules" / "swagger-ui-dist"
TARGET = ROOT / "clarion" / "http" / "viewer" / "static"
PROGRAMS = ("swagger-ui-bundle.js", "swagger-ui.css")
LICENCES = ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")
CHECKSUMS = "CHECKSUMS"


def main() -> None:
    """Write the assets and their checksums anew; programs are kept as browsers take them."""
    TARGET.mkdir(exist_ok=True)
    for name in PROGRAMS:
        packed = gzip.compress((PACKAGE / name).read_bytes(), 9, mtime=0)
        (TARGET / f"{name}.gz").write_bytes(packed)
    for name in LICENCES:
        (TARGET / name).write_bytes((PACKAGE / name).read_bytes())
    (TARGET / CHECKSUMS).write_text(checksums())


def checksums() -> str:
    """SHA-256 of each file of the package as it is in `node_modules`, as `sha256sum` writes it."""
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    lines = [f"# swagger-ui-dist {version}, Apache-2.0; of the files before they were packed"]
    for name in (*PROGRAMS, *LICENCES):
        lines.append(f"{hashlib.sha256((PACKAGE / name).read_bytes()).hexdigest()}  {name}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
