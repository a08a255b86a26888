"""The metrics of several processes of one service as those of one.

Counters and histograms are summed, over processes that have ended too: they never go down. Gauges
are summed over the processes that answer, save those of `SMALLEST` and `LARGEST`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import Metric

SMALLEST = frozenset({"clarion_bus_link_up", "clarion_partitions_ahead"})
LARGEST = frozenset(
    {
        "clarion_bus_blocked",
        "clarion_provider_rests",
        "process_max_fds",
        "process_start_time_seconds",
        "python_info",
    }
)
"""Gauges that say what all processes share, or how the worst of them fares."""
KEPT_KINDS = frozenset({"counter", "histogram", "summary"})
"""What a process has counted stays true when it ends."""

Labels = tuple[tuple[str, str], ...]
Values = dict[tuple[str, Labels], float]
"""By the name and the labels of a sample."""


class Family(NamedTuple):
    """A metric with all of its samples."""

    name: str
    kind: str
    help: str
    values: Values


class Families:
    """The metrics of one process, or of some."""

    def __init__(self, families: Iterable[Family] = ()) -> None:
        self._families = {one.name: one for one in families}

    @classmethod
    def of_this_process(cls) -> Families:
        """What the registry holds now."""
        return cls(
            Family(
                metric.name,
                metric.type,
                metric.documentation,
                {
                    (one.name, tuple(sorted(one.labels.items()))): one.value
                    for one in metric.samples
                },
            )
            for metric in REGISTRY.collect()
        )

    @classmethod
    def read(cls, text: str) -> Families:
        """What `dump` wrote. Raises `ValueError` for anything else."""
        try:
            return cls(
                Family(
                    name,
                    kind,
                    documentation,
                    {
                        (sample, tuple((key, value) for key, value in labels)): float(number)
                        for sample, labels, number in values
                    },
                )
                for name, kind, documentation, values in json.loads(text)
            )
        except (TypeError, KeyError) as error:
            raise ValueError("This is no list of metrics.") from error

    def dump(self) -> str:
        """As text, for another process."""
        return json.dumps(
            [
                [
                    one.name,
                    one.kind,
                    one.help,
                    [[name, labels, value] for (name, labels), value in one.values.items()],
                ]
                for one in self._families.values()
            ]
        )

    def kept(self) -> Families:
        """What stays true of a process that has ended."""
        return Families(one for one in self._families.values() if one.kind in KEPT_KINDS)

    def __iter__(self) -> Iterator[Family]:
        return iter(self._families.values())

    def collect(self) -> Iterable[Metric]:
        """As a collector of `prometheus_client`."""
        for family in self._families.values():
            metric = Metric(family.name, family.help, family.kind)
            for (name, labels), value in family.values.items():
                metric.add_sample(name, dict(labels), value)
            yield metric

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self)  # type: ignore[arg-type] # asks for no more than `collect`


def merged(several: Sequence[Families]) -> Families:
    """One for all."""
    together: dict[str, Family] = {}
    for families in several:
        for family in families:
            known = together.get(family.name)
            if known is None:
                together[family.name] = family._replace(values=dict(family.values))
            else:
                _add(known, family.values)
    return Families(together.values())


def _add(family: Family, values: Values) -> None:
    for sample, value in values.items():
        known = family.values.get(sample)
        family.values[sample] = value if known is None else _joined(family, sample[0], known, value)


def _joined(family: Family, sample: str, one: float, other: float) -> float:
    if family.name in SMALLEST or sample.endswith("_created"):
        return min(one, other)
    if family.name in LARGEST:
        return max(one, other)
    return one + other
