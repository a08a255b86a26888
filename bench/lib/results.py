"""Figures and claims, the table that is printed, and the file that keeps them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, cast

import psutil

FILE = Path(__file__).parents[1] / "results" / "latest.json"
LIBRARIES = (
    "aio-pika",
    "asyncpg",
    "fastapi",
    "msgspec",
    "python-socketio",
    "sqlalchemy",
    "uvicorn",
    "uvloop",
)
OURS = "clarion"
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings of PostgreSQL; each is on unless somebody gave durability up for speed."""


@dataclass(frozen=True)
class Figure:
    """One measurement of one contender. `rate` is the one that is compared, per CPU second of
    the server; where `cost` is given that is, and less is better."""

    path: str
    contender: str
    unit: str
    rate: float | None = None
    cost: float | None = None
    more: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Claim:
    """What is to be shown: `reached` is at least `goal`, or with `at_most` no more than that."""

    said: str
    reached: float
    goal: float
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether this run shows it."""
        return self.reached <= self.goal if self.at_most else self.reached >= self.goal

    @classmethod
    def ratio(cls, report: Report, path: str, one: str, other: str, goal: float) -> Sequence[Self]:
        """How many times better one contender is than another; none where one is not there."""
        found = report.ratio(path, one, other)
        return [cls(f"{path}: {one} beside {other}", found, goal)] if found else []


@dataclass(frozen=True)
class Report:
    """What a measurement found. `remarks` are sentences, such as who was left out and why."""

    figures: list[Figure] = field(default_factory=list[Figure])
    claims: list[Claim] = field(default_factory=list[Claim])
    remarks: list[str] = field(default_factory=list[str])

    def add(self, other: Report) -> None:
        """Take over all of another."""
        self.figures.extend(other.figures)
        self.claims.extend(other.claims)
        self.remarks.extend(other.remarks)

    def figure(self, path: str, contender: str) -> Figure | None:
        """The figure of a contender on a path, if it was measured."""
        found = (one for one in self.figures if (one.path, one.contender) == (path, contender))
        return next(found, None)

    def ratio(self, path: str, one: str, other: str) -> float | None:
        """How many times better `one` is."""
        first, second = self.figure(path, one), self.figure(path, other)
        if first is None or second is None:
            return None
        if first.cost and second.cost:
            return second.cost / first.cost
        return first.rate / second.rate if first.rate and second.rate else None


def show(report: Report) -> str:
    """The tables."""
    lines = [f"{'path':<20}{'contender':<11}{'figure':>10}  {'unit':<20}{'clarion is':<12}also"]
    for one in report.figures:
        also = ", ".join(f"{name} {_number(number)}" for name, number in one.more.items())
        lines.append(
            f"{one.path:<20}{one.contender:<11}{_number(_value(one)):>10}  {one.unit:<20}"
            f"{_beside(report, one):<12}{also}".rstrip()
        )
    lines += ["", f"{'claim':<58}{'seen':>9}  {'goal':<16}verdict"] if report.claims else []
    for claim in report.claims:
        goal = f"{'at most' if claim.at_most else 'at least'} {claim.goal:,g}"
        verdict = "met" if claim.holds else "MISSED"
        lines.append(f"{claim.said:<58}{_number(claim.reached):>9}  {goal:<16}{verdict}")
    return "\n".join([*lines, *(["", *report.remarks] if report.remarks else [])])


def describe(servers: Mapping[str, str]) -> str:
    """Which servers all contenders ran on, and whether their commits were durable."""
    settings = [f"{name} {servers[name]}" for name in DURABILITY]
    durable = all(servers[name] == "on" for name in DURABILITY)
    warning = "" if durable else " NOT DURABLE: a crash loses commits, so writes look cheap."
    return (
        f"All on RabbitMQ {servers['rabbitmq']} and PostgreSQL {servers['postgresql']} "
        f"({', '.join(settings)}).{warning}"
    )


def keep(report: Report, servers: Mapping[str, str]) -> None:
    """Replace the file by the results of this run; `servers` as for `describe`."""
    kept = {
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 1024**3),
            "architecture": platform.machine(),
            "system": platform.system(),
        },
        "versions": {
            "python": platform.python_version(),
            "rabbitmq": servers["rabbitmq"],
            "postgresql": servers["postgresql"],
            **{name: version(name) for name in LIBRARIES},
        },
        "settings": {name: servers[name] for name in DURABILITY},
        "figures": [_rounded(asdict(one)) for one in report.figures],
        "claims": [_rounded(asdict(one) | {"holds": one.holds}) for one in report.claims],
        "remarks": report.remarks,
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=2) + "\n")


def _beside(report: Report, one: Figure) -> str:
    ours = report.ratio(one.path, OURS, one.contender) if one.contender != OURS else None
    return f"{ours:,.2f}x" if ours is not None else ""


def _value(one: Figure) -> float | None:
    return one.rate if one.rate is not None else one.cost


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in cast("dict[str, Any]", value).items()}
    return round(value, 2) if isinstance(value, float) else value


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
