"""The parts of the system under attack, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = ("gateway", "notifier", "pusher")
MEMBERS = 2
NODES = 3
"""Of the broker with `--cluster`; one without."""
PARTS: tuple[str, ...] = tuple(f"{name}-{n}" for name in SERVICES for n in range(MEMBERS))
"""Every process of a service, by its name."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was carried out; times are epoch seconds.

    `target` is a process, `broker` (of a cluster `broker-0` and so on) or `database`; of a fault of
    connections, the process whose connections were struck, or `all`. `healed_at` is None where
    nothing came through in time.
    """

    name: str
    target: str
    began_at: float
    ended_at: float
    healed_at: float | None

    @property
    def heal_s(self) -> float | None:
        """From the end of the cause until an event sent then was seen."""
        return None if self.healed_at is None else self.healed_at - self.ended_at

    @property
    def part(self) -> str:
        return self.name.partition("-")[0]

    @property
    def lasted_s(self) -> float:
        return self.ended_at - self.began_at

    def strikes_all(self) -> bool:
        """Whether the one broker or database was struck, for every process."""
        return self.part in ("broker", "database") and self.target in (self.part, "all")

    def may_interrupt_sends(self) -> bool:
        """Whether it can come between a provider's answer and our commit."""
        return self.part == "notifier" or (
            self.part in ("broker", "database")
            and (self.target == "all" or self.target.startswith((self.part, "notifier")))
        )
