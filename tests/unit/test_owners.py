"""State that has one owner is written by it alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.sources import module_name, python_files

OWNERS = {
    "inboxes": "clarion.records.inboxes",
}
"""Table -> the only module whose statements write it."""


def statements(file: Path) -> list[str]:
    """Every text of a file but its docstrings."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


def writes(table: str, text: str) -> bool:
    pattern = rf"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\s+{table}\b"
    return re.search(pattern, text, re.IGNORECASE) is not None


@pytest.mark.parametrize(("table", "owner"), OWNERS.items())
def test_a_table_is_written_by_its_owner_alone(table: str, owner: str) -> None:
    writers = {
        module_name(file)
        for file in python_files("clarion", "services")
        if any(writes(table, text) for text in statements(file))
    }
    assert writers == {owner}


PLACE_IN_FEED = {"stage", "version", "link", "replay_buffer"}
"""The state of a session that says which frame it takes next."""


def outside_writes(file: Path) -> list[str]:
    """The assignments to these attributes of something else than `self`."""
    targets: list[ast.expr] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets.append(node.target)
    flat = [one for target in targets for one in ast.walk(target)]
    return [
        ast.unparse(one)
        for one in flat
        if isinstance(one, ast.Attribute)
        and one.attr in PLACE_IN_FEED
        and ast.unparse(one.value) != "self"
    ]


def test_the_place_of_a_session_in_its_feed_is_written_by_the_session_alone() -> None:
    """But for the loop of the fan-out, where a call would cost too much."""
    folders = [file for file in python_files("services") if file.parent.name in ("feed", "session")]
    assert {module_name(file): found for file in folders if (found := outside_writes(file))} == {
        "services.pusher.feed.fanout": ["listener.version", "listener.version"],
    }
