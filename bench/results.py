"""Figures, the table that is printed, and the file that keeps them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import psutil

FILE = Path(__file__).parent / "results" / "latest.json"
LIBRARIES = ("aio-pika", "asyncpg", "fastapi", "msgspec", "sqlalchemy", "uvicorn", "uvloop")


@dataclass(frozen=True)
class Figure:
    """One measurement of one contender. `rate` is the one that is compared, per CPU second of
    the server; for memory `cost` is, and less is better."""

    path: str
    contender: str
    unit: str
    rate: float | None = None
    cost: float | None = None
    goal: float | None = None
    more: dict[str, float] = field(default_factory=dict[str, float])


def ratio(figures: Sequence[Figure], path: str) -> float | None:
    """How much better Clarion is than the peer on this path."""
    of = {one.contender: one for one in figures if one.path == path}
    ours, theirs = of.get("clarion"), of.get("naive")
    if ours is None or theirs is None:
        return None
    if ours.cost and theirs.cost:
        return theirs.cost / ours.cost
    return ours.rate / theirs.rate if ours.rate and theirs.rate else None


def show(figures: Sequence[Figure]) -> str:
    """The table."""
    lines = [f"{'path':<16}{'contender':<10}{'figure':>12}  {'unit':<24}{'also'}"]
    for one in figures:
        value = one.rate if one.rate is not None else one.cost
        also = ", ".join(f"{name} {_number(number)}" for name, number in one.more.items())
        lines.append(f"{one.path:<16}{one.contender:<10}{_number(value):>12}  {one.unit:<24}{also}")
        if one.contender == "naive":
            lines.append(_verdict(figures, one))
    return "\n".join(lines)


def keep(figures: Sequence[Figure], broker_version: str) -> None:
    """Write the file anew."""
    kept = {
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 1024**3),
            "architecture": platform.machine(),
            "system": platform.system(),
        },
        "versions": {
            "python": platform.python_version(),
            "rabbitmq": broker_version,
            **{name: version(name) for name in LIBRARIES},
        },
        "figures": [_rounded(asdict(one)) for one in figures],
        "ratios": {
            path: round(found, 2)
            for path in dict.fromkeys(one.path for one in figures)
            if (found := ratio(figures, path)) is not None
        },
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=2) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in cast("dict[str, Any]", value).items()}
    return round(value, 2) if isinstance(value, float) else value


def _verdict(figures: Sequence[Figure], one: Figure) -> str:
    found = ratio(figures, one.path)
    goals = [other.goal for other in figures if other.path == one.path and other.goal]
    if found is None:
        return ""
    said = f"{'':<16}{'ratio':<10}{found:>11.1f}x"
    if goals:
        said += f"  goal {goals[0]:g}x: {'met' if found >= goals[0] else 'MISSED'}"
    return said


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
