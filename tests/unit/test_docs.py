"""The documents say what the code says, and lead where they point."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute

from scripts import cli_reference
from services.gateway.admin.routes import ROUTERS
from services.pusher.routes import inbox, stream, tickets
from services.pusher.wire.close_codes import CLOSE_CODES
from tests.support.sources import ROOT, python_files

SITE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *SITE]


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in links(page)
        if not (page.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_anchors_lead_to_a_heading() -> None:
    broken: list[str] = []
    for page in PAGES:
        for target in links(page):
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if anchor and anchor not in anchors(file):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_a_heading_has_one_anchor_on_every_site() -> None:
    """GitHub keeps two hyphens where a sign fell out, Python-Markdown makes them one."""
    ambiguous = {(page.name, anchor) for page in SITE for anchor in anchors(page) if "--" in anchor}
    assert ambiguous == set()


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


def test_the_navigation_of_the_site_has_every_page() -> None:
    said = (ROOT / "docs" / "zensical.toml").read_text()
    listed = re.findall(r'"([\w/-]+\.md)"', said)
    pages = {str(page.relative_to(ROOT / "docs")) for page in SITE}
    assert {page for page in pages if not re.match(r"decisions/\d", page)} == set(listed)
    assert len(listed) == len(set(listed))


def test_the_page_of_the_command_line_is_what_the_program_says() -> None:
    assert cli_reference.FILE.read_text() == cli_reference.page(), "run `make schemas`"


def test_recipes_name_files_that_are_there() -> None:
    recipes = (ROOT / "CONTRIBUTING.md").read_text().partition("## Recipes")[2]
    titles = re.findall(r"^### (?:A|An) ([a-z]+(?: source)?)", recipes, re.MULTILINE)
    wanted = ["provider", "channel", "frame", "route", "table", "setting", "due source", "metric"]
    assert titles == wanted
    for recipe in re.split(r"^### ", recipes, flags=re.MULTILINE)[1:]:
        named = [one for one in re.findall(r"`([^`\s]+)`", recipe) if "/" in one]
        assert named
        assert [one for one in named if not (ROOT / one).exists()] == []


def test_every_source_file_that_the_architecture_names_exists() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text()
    named = re.findall(r"`((?:clarion|services|tests)/[\w/]+\.py)`", page)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_no_step_of_a_walk_returns_to_a_file() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text()
    walks = re.findall(r"^## The path of .*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    assert len(walks) == 3
    for walk in walks:
        steps = re.findall(r"^\d+\. `([\w/]+\.py)`", walk, re.MULTILINE)
        assert len(steps) == len(set(steps)) == len(re.findall(r"^\d+\. ", walk, re.MULTILINE))


def test_every_test_file_that_the_proofs_name_exists() -> None:
    page = (ROOT / "docs" / "concepts" / "proofs.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)`", page)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_module_that_a_page_runs_exists() -> None:
    named = {
        module
        for page in PAGES
        for module in re.findall(r"python -m ([a-z_.]+[a-z_])", page.read_text())
    }
    assert named
    assert [module for module in sorted(named) if find_spec(module) is None] == []


def test_every_command_that_a_page_runs_exists() -> None:
    reference = cli_reference.FILE.read_text()
    commands = {
        command
        for page in PAGES
        for block in re.findall(r"```\n(.*?)```", page.read_text(), re.DOTALL)
        for command in re.findall(r"^(?:\.venv/bin/)?clarion ([a-z]+)", block, re.MULTILINE)
    }
    assert commands
    assert [name for name in commands if f"## `clarion {name}`" not in reference] == []


def test_every_setting_that_a_page_names_exists() -> None:
    known = set(re.findall(r"^#?(CLARION_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known |= {"CLARION_VERSION"}  # of docker compose
    named = {
        (page.name, name)
        for page in SITE
        for name in re.findall(r"CLARION_[A-Z0-9_]*[A-Z0-9]", page.read_text())
    }
    assert {(page, name) for page, name in named if name not in known} == set()


def test_the_outbox_guide_shows_the_table_of_the_example() -> None:
    guide = (ROOT / "docs" / "guides" / "outbox.md").read_text()
    assert (ROOT / "examples" / "outbox" / "outbox.sql").read_text() in guide


def test_the_close_codes_page_is_the_table_of_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "close-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \| ([a-z ]+) \|$", page, re.MULTILINE)
    expected = [(str(one.code), one.name, one.sentence, one.come_back) for one in CLOSE_CODES]
    assert rows == expected


def test_the_http_page_lists_every_call() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text()
    listed = re.findall(r"^\| `([A-Z]+ /v1/\S+)` \|", page, re.MULTILINE)
    routes = {
        call
        for router in (*ROUTERS, inbox.router, stream.router, tickets.router)
        for call in calls_of(router)
    }
    assert sorted(listed) == sorted(routes | {"POST /v1/events"})


def test_the_http_page_lists_every_code_of_a_refusal() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text()
    listed = {code for row in re.findall(r"^\| \d+ \| (.*?) \|", page, re.MULTILINE)
              for code in re.findall(r"`(\w+)`", row)}  # fmt: skip
    used: set[str] = set()
    for file in python_files("clarion/http", "clarion/store", "clarion/tokens", "services/gateway"):
        used |= set(re.findall(r'\bcode="(\w+)"', file.read_text()))
    assert used - listed == set()


def links(page: Path) -> list[str]:
    """The targets of a page's links within the repository."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", prose) if ":" not in one]


def anchors(page: Path) -> set[str]:
    """The ids that GitHub and MkDocs give the headings of a page."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+?)\s*$", prose, re.MULTILINE)
    plain = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def calls_of(router: APIRouter) -> set[str]:
    """`METHOD /path` of each route, ids as `{id}`."""
    return {
        f"{method} {re.sub(r'{[^}]+}', '{id}', route.path)}"
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
