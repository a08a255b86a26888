"""Of many measurements, the one that so many of a hundred do not exceed."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Of values in ascending order, at least one of them; one of them, nothing between two."""
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]
