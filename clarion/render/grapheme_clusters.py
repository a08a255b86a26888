"""Truncation of text between grapheme clusters (UAX #29), never within what a reader sees as
one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import regex

_CLUSTER = regex.compile(r"\X")


def fitting(text: str, limit: int, cost: Callable[[str], int] = len) -> str:
    """The longest prefix of `text` that costs at most `limit` and ends with a whole cluster, or
    with a whole character if the first cluster alone costs more."""
    if cost(text[:limit]) <= limit and len(text) <= limit:
        return text
    return _fitting(_clusters(text), limit, cost) or _fitting(iter(text), limit, cost)


def _fitting(parts: Iterator[str], limit: int, cost: Callable[[str], int]) -> str:
    taken: list[str] = []
    for part in parts:
        limit -= cost(part)
        if limit < 0:
            break
        taken.append(part)
    return "".join(taken)


def _clusters(text: str) -> Iterator[str]:
    return (match.group() for match in _CLUSTER.finditer(text))
