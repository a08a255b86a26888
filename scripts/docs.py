"""Builds the site of the documentation, `site/`, from `docs/`; any warning fails it.

The generator has an environment of its own, `.cache/docs-venv`, by `requirements-docs.lock`. Pages
link to files of the repository beside `docs/`; on the site these links lead to the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from environment import CACHE, ROOT, find_uv, run, say

DOCS = ROOT / "docs"
LOCK = ROOT / "requirements-docs.lock"
REPOSITORY = "https://github.com/clarion-notify/clarion"
STAGE = CACHE / "docs"
PAGES = STAGE / "pages"
VENV = CACHE / "docs-venv"
SITE = ROOT / "site"

LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")
LOADED = re.compile(
    r"""<(?:script|img|iframe)\b[^>]*\bsrc=["']?(?:https?:)?//"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=["']?(?:https?:)?//"""
)


def main() -> None:
    """Prepare, build, look at what the pages load."""
    prepare()
    install()
    built = subprocess.run([VENV / "bin" / "zensical", "build", "--strict"], cwd=STAGE)
    if built.returncode:
        sys.exit(built.returncode)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(STAGE / "site", SITE)
    foreign = [page for page in SITE.rglob("*.html") if LOADED.search(page.read_text())]
    if foreign:
        sys.exit(f"These pages load something from elsewhere: {', '.join(map(str, foreign))}")
    say(f"The documentation is in {SITE / 'index.html'}")


def prepare() -> None:
    """Copy `docs/`, with links that lead out of it made absolute."""
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("*.toml"))
    shutil.copy(DOCS / "zensical.toml", STAGE)
    for copy in PAGES.rglob("*.md"):
        page = DOCS / copy.relative_to(PAGES)
        copy.write_text(LINK.sub(partial(absolute, page), page.read_text()))


def absolute(page: Path, link: re.Match[str]) -> str:
    """The link as it stands, where it stays within `docs/`; else that of the repository."""
    target = Path(os.path.normpath(page.parent / link[1]))
    if target.is_relative_to(DOCS):
        return link[0]
    kind = "tree" if target.is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{target.relative_to(ROOT)}{link[2] or ''}"


def install() -> None:
    """Make the generator's environment equal to its lock."""
    uv = find_uv()
    if not (VENV / "bin" / "python").exists():
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
    sync = ("pip", "sync", "--quiet", "--require-hashes", "--python", VENV / "bin" / "python")
    run(uv, *sync, LOCK)


if __name__ == "__main__":
    main()
