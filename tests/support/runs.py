"""How a run goes: in which order, who must be alone, in the short form or the long.

A test that measures time or memory is marked `alone`: it begins when those that run have ended, and
others wait for it. Each test of a worker holds a lock that others may share, one that is alone
holds it for itself; before the lock there is a gate, which who wants to be alone closes.

Tests that could go on for ever are marked `soak` and have a long form, which `--soak` asks for:
`soak` says how much longer it is, and machines of Hypothesis try 40 times as many examples.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

FOLDER = "clarion_locks"
LONG_S = 240
"""Who is given so much time or more begins first, so that nobody waits for it at the end."""

SOAK_S = 2 * 3600
"""The time limit of the long form."""

MARKERS = (
    "alone: measures, so that no other test may run beside it",
    "soak: has a long form (--soak)",
)


settings.register_profile("long", max_examples=2_000, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the long form of tests that have one")
    parser.addoption("--outage-s", type=float, help="how long a server is away")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("--soak"):
        settings.load_profile("long")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Every worker is told where the locks of this run are."""
    folder = getattr(node.config, FOLDER, None)
    if folder is None:
        folder = tempfile.TemporaryDirectory(prefix="clarion-test-locks-")
        setattr(node.config, FOLDER, folder)
    node.workerinput[FOLDER] = folder.name


def pytest_unconfigure(config: pytest.Config) -> None:
    """The locks are removed by who made them."""
    folder = getattr(config, FOLDER, None)
    if folder is not None:
        folder.cleanup()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long first, what is alone late; else in the order that was drawn."""
    items.sort(key=_turn)
    if config.getoption("--soak"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.timeout(SOAK_S), append=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The time of a test begins when it has its lock."""
    folder: str | None = getattr(item.config, "workerinput", {}).get(FOLDER)
    if folder is None:
        return (yield)
    with _locked(Path(folder), alone=_is_alone(item)):
        return (yield)


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _turn(item: pytest.Item) -> int:
    limit = item.get_closest_marker("timeout")
    is_long = limit is not None and limit.args[0] >= LONG_S
    return 2 if _is_alone(item) else 0 if is_long else 1


@contextmanager
def _locked(folder: Path, *, alone: bool) -> Iterator[None]:
    with (folder / "gate").open("w") as gate, (folder / "room").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(gate, fcntl.LOCK_UN)
        yield
