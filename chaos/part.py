"""The parts of the system under attack, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = ("gateway", "notifier", "pusher")
MEMBERS = 2
PARTS: tuple[str, ...] = tuple(f"{name}-{n}" for name in SERVICES for n in range(MEMBERS))
"""Every process of a service, by its name."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was carried out; times are epoch seconds.

    `target` is a process, `broker` or `database`; of a fault of connections, the process whose
    connections were struck, or `all`. `healed_at` is None where nothing came through in time.
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

    def may_interrupt_sends(self) -> bool:
        """Whether it can come between a provider's answer and our commit."""
        part = self.name.partition("-")[0]
        return part == "notifier" or (
            part in ("broker", "database")
            and (self.target in (part, "all") or self.target.startswith("notifier"))
        )
