"""The documents say what the code says, and lead where they point."""

from __future__ import annotations

import re

from services.pusher.close_codes import CLOSE_CODES
from tests.support.sources import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_links_lead_somewhere() -> None:
    broken: dict[str, list[str]] = {}
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
        missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
        if missing:
            broken[str(page.relative_to(ROOT))] = missing
    assert broken == {}


def test_every_page_can_be_found_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = list(reached)
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text()):
            found = (page.parent / target).resolve()
            found = found / "README.md" if found.is_dir() else found
            if found.suffix == ".md" and found.exists() and found not in reached:
                reached.add(found)
                waiting.append(found)
    pages = {page for page in PAGES if page != ROOT / "docs" / "README.md"}
    assert pages - reached == set()


def test_the_close_codes_page_is_the_table_of_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "close-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \| (yes|no) \|$", page, re.MULTILINE)
    expected = [
        (str(one.code), one.name, one.sentence, "yes" if one.come_back else "no")
        for one in CLOSE_CODES
    ]
    assert rows == expected
