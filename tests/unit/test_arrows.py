"""What `make arrows` says of imports."""

from __future__ import annotations

from pathlib import Path

from scripts import arrows
from tests.support.sources import ROOT

FILES = {
    "__init__.py": "",
    "app.py": "from services.pusher.feed.hub import Hub\nimport os\n",
    "feed/__init__.py": "",
    "feed/hub.py": "from services.pusher.feed import frames\nfrom services.pusher import wire\n",
    "feed/frames.py": "from services.pusher.feed.hub import Hub\n",
    "wire.py": "from services.gateway import app\n",
}


def graph(root: Path) -> arrows.Graph:
    for name, text in FILES.items():
        file = root / "services" / "pusher" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return arrows.graph_of(root, "pusher")


def test_imports_within_a_service_are_arrows_and_no_others(tmp_path: Path) -> None:
    assert graph(tmp_path) == {
        "app": {"feed.hub"},
        "feed": set(),
        "feed.hub": {"feed.frames", "wire"},
        "feed.frames": {"feed.hub"},
        "wire": set(),
    }


def test_a_circle_is_found_and_counts_as_one_level(tmp_path: Path) -> None:
    found = graph(tmp_path)
    assert arrows.circles_of(found) == [{"feed.hub", "feed.frames"}]
    assert arrows.levels_of(found) == 3
    assert arrows.counts(arrows.rooms_of(found)) == "3 | 3 | 2 | 0"


def test_the_services_of_this_checkout_have_no_circle() -> None:
    for service in arrows.SERVICES:
        found = arrows.graph_of(ROOT, service)
        assert arrows.circles_of(found) == []
        assert arrows.circles_of(arrows.rooms_of(found)) == []
