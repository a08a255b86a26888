"""The licence of everything that is shipped with Clarion: Python packages of the image and the
wheel's dependencies, npm packages that ours depend on, and what is vendored.

`python scripts/licenses.py` lists them; exit status 1 where one is unknown, or asks of users of
Clarion what its own licence (Apache-2.0) does not.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import metadata
from pathlib import Path
from typing import NamedTuple, cast

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
NODE_MODULES = ROOT / "node_modules"
VIEWER = ROOT / "clarion" / "http" / "viewer" / "static"

PERMITTED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",  # of a file: others may be beside it
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
SENTENCES = {
    r"\bMIT\b": "MIT",
    r"\bApache license 2\.0\b": "Apache-2.0",
    r"\bMozilla Public License 2\.0\b": "MPL-2.0",
    r"\bBSD\b": "BSD-3-Clause",
    r"\bISC\b": "ISC",
    r"GPL|General Public|SSPL|Business Source|Commons Clause": "copyleft",
}
"""How comments in a bundle of others name a licence."""
UNKNOWN = "unknown"


class Shipped(NamedTuple):
    """One thing that goes out with Clarion."""

    name: str
    version: str
    licence: str
    where: str


def main() -> int:
    """List all; 1 where one is refused."""
    rows = list(everything())
    width = max(len(f"{one.name} {one.version}") for one in rows)
    for one in rows:
        print(f"{one.name + ' ' + one.version:<{width}}  {one.licence}  ({one.where})")
    refused = [one for one in rows if not is_permitted(one.licence)]
    for one in refused:
        print(f"refused: {one.name} {one.version}: {one.licence}", file=sys.stderr)
    return 1 if refused else 0


def everything() -> Iterator[Shipped]:
    """All that is shipped, by kind."""
    yield from python_packages(LOCK)
    yield from node_packages([ROOT / "web" / name for name in ("client", "inbox", "react", "vue")])
    yield from viewer(VIEWER)


def python_packages(lock: Path) -> Iterator[Shipped]:
    """What the lock names for this platform."""
    for line in re.findall(r"^([a-zA-Z0-9].*?==.*?) ?\\?$", lock.read_text(), re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            found = cast("Message", metadata(wanted.name))
            yield Shipped(wanted.name, str(found["Version"]), licence_of(found), "Python")


def licence_of(found: Message) -> str:
    """As an SPDX expression, from the metadata of a distribution."""
    if found["License-Expression"]:
        return str(found["License-Expression"])
    listed = [str(one) for one in found.get_all("Classifier") or ()]
    licences = [one.rpartition(" :: ")[2] for one in listed if one.startswith("License :: ")]
    if licences:
        return " AND ".join(sorted(CLASSIFIERS.get(one, UNKNOWN) for one in licences))
    return str(found["License"] or UNKNOWN).partition("\n")[0]


def node_packages(ours: list[Path]) -> Iterator[Shipped]:
    """What our npm packages bring with them, and what that brings."""
    waiting = [name for folder in ours for name in dependencies_of(folder)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name.startswith("@clarion/") or name in seen:
            continue
        seen.add(name)
        described = json.loads((NODE_MODULES / name / "package.json").read_text())
        waiting += dependencies_of(NODE_MODULES / name)
        licence = described.get("license")
        licence = licence if isinstance(licence, str) else UNKNOWN
        yield Shipped(name, described["version"], licence, "npm")


def dependencies_of(folder: Path) -> list[str]:
    """The names in its `package.json`; peers come from whoever installs it."""
    return list(json.loads((folder / "package.json").read_text()).get("dependencies", {}))


def viewer(folder: Path) -> Iterator[Shipped]:
    """The viewer of the API documentation, and what its authors have bundled with it."""
    head = (folder / "CHECKSUMS").read_text().splitlines()[0]
    name, version, licence = re.findall(r"# (\S+) (\S+), ([^;]+);", head)[0]
    yield Shipped(name, version, licence, "vendored")
    bundled = (folder / f"{name.removesuffix('-dist')}-bundle.js.LICENSE.txt").read_text()
    for comment in re.findall(r"/\*!.*?\*/", bundled, re.DOTALL):
        said = [spdx for words, spdx in SENTENCES.items() if re.search(words, comment)]
        title = re.findall(r"[A-Za-z(].*", comment)
        yield Shipped(f"{name}: {title[0][:40]!r}", "", " AND ".join(said) or UNKNOWN, "vendored")


def is_permitted(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice that Clarion can ship."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    allowed = _any(tokens)
    return allowed and not tokens


def _any(tokens: list[str]) -> bool:
    allowed = _all(tokens)
    while tokens[:1] == ["OR"]:
        del tokens[0]
        allowed = _all(tokens) or allowed
    return allowed


def _all(tokens: list[str]) -> bool:
    allowed = _one(tokens)
    while tokens[:1] == ["AND"]:
        del tokens[0]
        allowed = _one(tokens) and allowed
    return allowed


def _one(tokens: list[str]) -> bool:
    if not tokens:
        return False
    word = tokens.pop(0)
    if word != "(":
        return word in PERMITTED
    allowed = _any(tokens)
    return tokens[:1] == [")"] and tokens.pop(0) == ")" and allowed


if __name__ == "__main__":
    sys.exit(main())
