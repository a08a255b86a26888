"""What is struck, when and for how long: all of it from the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from chaos.part import NODES, PARTS, SERVICES

SERVICE_ACTIONS = ("kill", "stop", "pause", "freeze")
SHORT_LINE_ACTIONS = ("drop", "delay", "silent")
LINE_ACTIONS = (*SHORT_LINE_ACTIONS, "cut", "fin")
ALARMS = ("blocked", "disk")
BROKER_ACTIONS = ("kill", "stop", "pause", "freeze", *ALARMS, "refuse", *LINE_ACTIONS)
DATABASE_CONDITIONS = ("readonly", "slow", "crowded", "full", "dump")
DATABASE_ACTIONS = ("kill", "stop", *DATABASE_CONDITIONS, *SHORT_LINE_ACTIONS)

FAULTS: tuple[str, ...] = (
    *(f"{part}-{action}" for part in SERVICES for action in SERVICE_ACTIONS),
    "notifier-clock",
    *(f"broker-{action}" for action in BROKER_ACTIONS),
    *(f"database-{action}" for action in DATABASE_ACTIONS),
)
"""`kill` is SIGKILL and a start, `stop` an orderly stop and a start, `pause` SIGSTOP and SIGCONT,
`freeze` the same for 30 to 60 s, `clock` a jump of the clock of a process and one back; `drop`,
`delay` and `silent` strike the connections to the broker or the database. Those to the broker are
`cut` for 30 to 60 s, which clients find by being told nothing, or end with the last data and FIN
together (`fin`). The broker is `blocked` by a memory alarm, or by that of its `disk`, or has a
queue of deliveries that must `refuse` all; the database is `readonly`, `slow` (locks held),
`crowded` (no connection left), `full` (files cannot grow) or under a `dump` (pg_dump)."""

CLUSTER_FAULTS: tuple[str, ...] = (*FAULTS, "broker-partition")
"""With three nodes: one is struck, and one may be parted from the others."""

LASTS_S = {
    "kill": (0.2, 2.0),
    "stop": (0.2, 3.0),
    "pause": (2.0, 6.0),
    "freeze": (30.0, 60.0),
    "clock": (3.0, 8.0),
    "drop": (1.0, 5.0),
    "delay": (3.0, 8.0),
    "silent": (3.0, 8.0),
    "cut": (30.0, 60.0),
    "fin": (3.0, 8.0),
    "blocked": (3.0, 8.0),
    "disk": (3.0, 8.0),
    "refuse": (4.0, 8.0),
    "readonly": (3.0, 8.0),
    "slow": (4.0, 8.0),
    "crowded": (3.0, 8.0),
    "full": (4.0, 8.0),
    "dump": (20.0, 40.0),
    "partition": (4.0, 12.0),
}
GAP_S = (1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come. `member` is one of the processes of a service or of the nodes of the
    broker, or, of a fault of connections, one of all processes; None for those of all."""

    name: str
    member: int | None
    gap_s: float
    lasts_s: float

    @property
    def part(self) -> str:
        return self.name.partition("-")[0]

    @property
    def action(self) -> str:
        return self.name.partition("-")[2]


def planned(seed: int, faults: Sequence[str]) -> Iterator[Planned]:
    """Without end: each fault once in random order, then again in another."""
    random = Random(seed)
    while True:
        for name in random.sample(list(faults), len(faults)):
            part, _, action = name.partition("-")
            yield Planned(
                name,
                _member(random, part, action),
                random.uniform(*GAP_S),
                random.uniform(*LASTS_S[action]),
            )


def _member(random: Random, part: str, action: str) -> int | None:
    if action not in LINE_ACTIONS:
        return random.randrange(NODES if part == "broker" else 2)
    return random.choice([None, *range(len(PARTS))])


def chosen(text: str, known: Sequence[str] = FAULTS) -> tuple[str, ...]:
    """Faults from `all` or a list: a name, a part (`broker`) or an action (`pause`), with commas.

    Raises `ValueError` that names what is not known.
    """
    found: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        matching = [one for one in known if word == "all" or word in (one, *one.split("-"))]
        if not matching:
            raise ValueError(f"{word} is not a fault; known: {', '.join(known)}")
        found += matching
    return tuple(dict.fromkeys(found))
