"""State that has one owner is written by it alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import module_name, python_files

OWNERS = {
    "inboxes": "clarion.records.inboxes",
    "inbox_commands": "clarion.records.inbox_commands",
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


WRITTEN_FROM_OUTSIDE = {
    # callbacks and hooks that are set once, most of them in other libraries
    "clarion.bus.rabbitmq.connection": {"self._transport_factory.tap.on_end"},
    "clarion.lifecycle.http_1_0": {"cycle.chunked_encoding", "cycle.expected_content_length"},
    "clarion.telemetry.logs": {"root.handlers"},
    "services.gateway.app": {"fastapi.state.resources"},
    "services.gateway.openapi": {"app.openapi", "app.openapi_schema"},
    "services.pusher.app": {"app.state.pusher"},
    "services.pusher.openapi": {"app.openapi"},
    # results that the steps of one transaction fill in
    "services.notifier.plan.audience": {"event.unreached"},
    "services.notifier.plan.batch": {"outbox.created_at", "outbox.drafts"},
    "services.notifier.plan.counts": {"audience.members"},
    "services.notifier.plan.drafting": {"event.first_slice"},
    "services.notifier.plan.write": {"draft.unread", "draft.version"},
    "services.notifier.publish.readback": {"outbox.frames"},
    "services.notifier.schedule.release": {"released.frames"},
    "services.pusher.inbox.keyed_commands": {"outcome.changed_before"},
    # innermost loops, where a call for each frame would cost too much
    "services.pusher.feed.fanout": {"FRAMES.written", "listener.version"},
    "services.pusher.wire.write_buffer": {"FRAMES.written"},
}
"""Module -> assignments to attributes of objects whose class another module defines."""


def assigned(file: Path) -> list[ast.Attribute]:
    """Every attribute that a statement of the file assigns or deletes."""
    targets: list[ast.expr] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Assign | ast.Delete):
            targets += node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor):
            targets.append(node.target)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets.append(node.optional_vars)
    return [
        leaf for target in targets for leaf in leaves(target) if isinstance(leaf, ast.Attribute)
    ]


def leaves(target: ast.expr) -> Iterator[ast.expr]:
    """What a target assigns, unpacked."""
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from leaves(part)
    elif isinstance(target, ast.Starred):
        yield from leaves(target.value)
    else:
        yield target


def own_attributes(file: Path) -> set[str]:
    """The attributes of the classes that the file defines: their owner is this module."""
    tree = ast.parse(file.read_text())
    declared = {
        field.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    return declared | {target.attr for target in assigned(file) if is_own(target)}


def is_own(target: ast.Attribute) -> bool:
    return ast.unparse(target.value) in ("self", "cls")


def outside_writes(file: Path) -> set[str]:
    own = own_attributes(file)
    return {
        ast.unparse(target)
        for target in assigned(file)
        if not is_own(target) and target.attr not in own
    }


def test_an_attribute_is_assigned_by_the_module_of_its_class_alone() -> None:
    files = {module_name(file): file for file in python_files("clarion", "services")}
    found = {
        name: outside_writes(file) - WRITTEN_FROM_OUTSIDE.get(name, set())
        for name, file in files.items()
    }
    assert {name: writes for name, writes in found.items() if writes} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "s.version = 1",
        "s.version += 1",
        "a, (b, *s.version) = x",
        "del s.version",
        "for s.version in x: pass",
        "with x as s.version: pass",
        "s.feed.version: int = 1",
    ],
)
def test_an_assignment_of_every_form_is_found(statement: str, tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(f"class Other:\n    kind: int\n\n\ns.kind = 1\n{statement}\n")
    assert [text.rpartition(".")[2] for text in outside_writes(file)] == ["version"]
