"""docker-compose.yml read as an engine reads it: merged, interpolated, in the order of starting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parents[1] / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class ComposeService:
    """One service as it would be started."""

    name: str
    command: list[str]
    environment: dict[str, str]
    waits_for: dict[str, str]


class MissingVariable(Exception):
    """A required variable has no value; the text is the sentence in the file."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${X}`, `${X:-default}` and `${X:?sentence}`. Raises `MissingVariable`."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found[1], found[2], found[3] or ""
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise MissingVariable(rest)
        return rest

    return _VARIABLE.sub(value, text)


def required_variables() -> set[str]:
    """Variables without which the file refuses to start."""
    return {name for name, kind, _ in _VARIABLE.findall(COMPOSE.read_text()) if kind == "?"}


def compose_services(variables: Mapping[str, str]) -> dict[str, ComposeService]:
    """Every service, in an order in which each comes after what it waits for."""
    parsed: dict[str, Any] = yaml.safe_load(interpolate(COMPOSE.read_text(), variables))
    waits = {name: _waits(service) for name, service in parsed["services"].items()}
    order = TopologicalSorter({name: set(one) for name, one in waits.items()}).static_order()
    return {
        name: ComposeService(
            name,
            parsed["services"][name].get("command", []),
            {key: str(one) for key, one in parsed["services"][name].get("environment", {}).items()},
            waits[name],
        )
        for name in order
    }


def _waits(service: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["condition"] for name, one in service.get("depends_on", {}).items()}
