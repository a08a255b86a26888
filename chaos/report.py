"""What a run prints: lines while it goes on, the figures at the end, and the verdict's line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.ledger import Verdict
from chaos.part import Struck

MAX_FINDINGS = 40


@dataclass
class Outcome:
    """Everything a run found."""

    verdict: Verdict
    reasons: Counter[str]
    struck: Sequence[Struck]
    deliveries: Counter[str] = field(default_factory=Counter[str])
    notes: list[str] = field(default_factory=list[str])
    """What is worth knowing and decides nothing."""

    @property
    def unexplained(self) -> int:
        return self.reasons["unexplained"]

    @property
    def passed(self) -> bool:
        verdict = self.verdict
        return not any((verdict.lost, verdict.doubled, verdict.missing, self.unexplained))


def show(outcome: Outcome) -> str:
    """The whole report; its last line is for machines."""
    verdict = outcome.verdict
    lines = ["", *_faults(outcome.struck), ""]
    lines += [f"  {text}" for text in outcome.notes]
    lines.append(f"  deliveries: {_counted(outcome.deliveries)}")
    lines.append(f"  messages that a provider took more than once: {_counted(outcome.reasons)}")
    lines += [f"  ! {finding}" for finding in verdict.findings[:MAX_FINDINGS]]
    lines.append(
        f"accepted={verdict.accepted} lost={verdict.lost} doubled={verdict.doubled} "
        f"missing={verdict.missing} external_duplicates={outcome.reasons.total()} "
        f"unexplained={outcome.unexplained} heal_max_s={heal_max_s(outcome.struck):.1f}"
    )
    return "\n".join(lines)


def heal_max_s(struck: Iterable[Struck]) -> float:
    """The longest heal; `inf` where one did not heal in time."""
    return max((_heal_s(one) for one in struck), default=0.0)


def _heal_s(one: Struck) -> float:
    return float("inf") if one.heal_s is None else one.heal_s


def _faults(struck: Sequence[Struck]) -> list[str]:
    if not struck:
        return ["no faults"]
    names = sorted({one.name for one in struck})
    rows = [f"  {'fault':<18} {'times':>5}  {'heal max':>8}"]
    for name in names:
        heals = [_heal_s(one) for one in struck if one.name == name]
        rows.append(f"  {name:<18} {len(heals):>5}  {max(heals):>7.1f}s")
    return rows


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common()) or "none"
