"""The page on monitoring lists the metrics, checks and log events of the code."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from clarion.telemetry.merging import LARGEST, SMALLEST
from tests.support.sources import ROOT, module_name, python_files

PAGE = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
SUMMED = {
    "clarion_bus_consumers_missing",
    "clarion_gateway_waiting_bytes",
    "clarion_live_sessions",
    "clarion_live_shards_bound",
}
"""Gauges of which several processes of one service have the sum."""


def test_every_metric_is_explained_with_its_type_and_labels() -> None:
    rows = re.findall(r"^\| `(clarion_\w+)` \| (\w+) \| (.*?) \|", PAGE, re.MULTILINE)
    documented = {name: (kind, re.findall(r"\w+", labels)) for name, kind, labels in rows}
    assert documented == metrics()
    assert len(rows) == len(documented)


def test_of_every_gauge_it_is_settled_what_several_processes_make_of_it() -> None:
    gauges = {name for name, (kind, _) in metrics().items() if kind == "gauge"}
    assert gauges - SMALLEST - LARGEST == SUMMED, (
        "list it in SUMMED here, or in SMALLEST or LARGEST of clarion/telemetry/merging.py"
    )


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    asked = set(re.findall(r"clarion_[a-z_]+", PAGE[: PAGE.index("## Logs")])) - {"clarion_"}
    assert asked - set(metrics()) == set()


def test_the_log_events_exist() -> None:
    section = PAGE[PAGE.index("## Logs") : PAGE.index("## Every metric")]
    documented = re.findall(r"^\| `(\w+)` \| (?:info|warning|error) \|", section, re.MULTILINE)
    source = "".join(file.read_text() for file in python_files("clarion", "services"))
    assert documented
    assert [name for name in documented if f'"{name}"' not in source] == []


def metrics() -> dict[str, tuple[str, Sequence[str]]]:
    """Type and labels of each metric of Clarion, by its name as Prometheus sees it."""
    for file in python_files("clarion", "services"):
        if file.stem == "metrics":
            importlib.import_module(module_name(file))
    found: dict[str, tuple[str, Sequence[str]]] = {}
    collectors: dict[Collector, Any] = REGISTRY._collector_to_names  # pyright: ignore[reportPrivateUsage]
    for collector in list(collectors):
        for metric in collector.collect():
            if metric.name.startswith("clarion_"):
                name = f"{metric.name}_total" if metric.type == "counter" else metric.name
                found[name] = (metric.type, [*getattr(collector, "_labelnames", ())])
    return found
