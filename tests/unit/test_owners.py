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
