"""What is struck, when and for how long: all of it from the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from chaos.part import PARTS, SERVICES

SERVICE_ACTIONS = ("kill", "stop", "pause")
BROKER_ACTIONS = ("kill", "drop", "delay", "silent")
DATABASE_ACTIONS = ("kill", "stop", "drop", "delay", "silent")
LINE_ACTIONS = ("drop", "delay", "silent")

FAULTS: tuple[str, ...] = (
    *(f"{part}-{action}" for part in SERVICES for action in SERVICE_ACTIONS),
    *(f"broker-{action}" for action in BROKER_ACTIONS),
    *(f"database-{action}" for action in DATABASE_ACTIONS),
)
"""`kill` is SIGKILL and a start, `stop` an orderly stop and a start, `pause` SIGSTOP and SIGCONT;
`drop`, `delay` and `silent` strike the connections to the broker or the database."""

LASTS_S = {
    "kill": (0.2, 2.0),
    "stop": (0.2, 3.0),
    "pause": (2.0, 6.0),
    "drop": (1.0, 5.0),
    "delay": (3.0, 8.0),
    "silent": (3.0, 8.0),
}
GAP_S = (1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come. `member` is one of the two processes of a service, or, of a fault of
    connections, one of all processes; None for those of all."""

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
            action = name.partition("-")[2]
            yield Planned(
                name,
                _member(random, action),
                random.uniform(*GAP_S),
                random.uniform(*LASTS_S[action]),
            )


def _member(random: Random, action: str) -> int | None:
    if action not in LINE_ACTIONS:
        return random.randrange(2)
    return random.choice([None, *range(len(PARTS))])


def chosen(text: str) -> tuple[str, ...]:
    """Faults from `all` or a list: a name, a part (`broker`) or an action (`pause`), with commas.

    Raises `ValueError` that names what is not known.
    """
    found: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        matching = [one for one in FAULTS if word == "all" or word in (one, *one.split("-"))]
        if not matching:
            raise ValueError(f"{word} is not a fault; known: {', '.join(FAULTS)}")
        found += matching
    return tuple(dict.fromkeys(found))
