"""What was decided for one recipient on one channel, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

Verdict = Literal["send", "hold", "skip"]


class Decision(Struct, frozen=True, omit_defaults=True):
    """`reason` is a stable word (`requested`, `no_address`, ...); `until` ends a hold."""

    channel: str
    decision: Verdict
    reason: str
    until: datetime | None = None
