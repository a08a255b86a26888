"""What a tag releases: `release.py vX.Y.Z` prints its notes from CHANGELOG.md.

Refuses a tag that is not the version of pyproject.toml and of every npm package, and a version
that CHANGELOG.md does not date.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("client", "inbox", "react", "vue")


def main(tag: str) -> None:
    """Print the notes. Exits with a sentence where the tag does not fit."""
    version = tag.removeprefix("v")
    other = {place: said for place, said in versions().items() if said != version}
    if other:
        listed = ", ".join(f"{place} {said}" for place, said in other.items())
        raise SystemExit(f"The tag {tag} does not fit: {listed}.")
    print(notes((ROOT / "CHANGELOG.md").read_text(), version))


def versions() -> dict[str, str]:
    """Where a version stands, and which."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {"pyproject.toml": str(project["version"])}
    for name in PACKAGES:
        file = ROOT / "web" / name / "package.json"
        found[str(file.relative_to(ROOT))] = str(json.loads(file.read_text())["version"])
    return found


def notes(changelog: str, version: str) -> str:
    """The section of a version. Exits where there is none, or it has no date yet."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    for section in sections:
        title, _, text = section.partition("\n")
        if title.startswith(f"[{version}]"):
            if not re.fullmatch(r"\[\S+\] - \d{4}-\d{2}-\d{2}", title.strip()):
                raise SystemExit(f"CHANGELOG.md has no date for {version}: {title.strip()!r}.")
            return text.strip()
    raise SystemExit(f"CHANGELOG.md has no section for {version}.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: scripts/release.py vX.Y.Z")
    main(sys.argv[1])
