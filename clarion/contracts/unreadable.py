"""JSON that is well formed and that no decoder of ours takes: half a surrogate pair, and what nests
deeper than a decoder goes.

Found only once a decoder has refused, so that other events are never walked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from clarion.contracts.event import MAX_DEPTH
from clarion.contracts.values import nodes

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
HALF = re.compile("[\ud800-\udfff]")
BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
OPENING = b"[{"

KEPT_LEVELS = MAX_DEPTH + 2
"""Of an array of values that may nest as deep as they may, and one more, which tells that one is
too deep."""
MAX_BRACKETS = 100_000
"""How many are looked at, in some 80 ms; what has more is not divided."""
MAX_WALKED_BYTES = 128 * 1024
"""In a larger body the field is not located."""

_skim = msgspec.json.Decoder(msgspec.Raw).decode


def may_be_unreadable(raw: bytes, error: Exception) -> bool:
    """Whether JSON that a decoder refused may be well formed all the same."""
    return isinstance(error, RecursionError) or SURROGATE.search(raw) is not None


def readable_copy(raw: bytes) -> bytes:
    """The same JSON, byte by byte as long, that decoders take: other characters stand for half
    pairs, and strings for what nests too deep. Only to see where its parts begin and end."""
    copy = SURROGATE.sub(rb"\\u0020", raw.replace(rb"\\", b"  "))
    shallow = bytearray(copy)
    for start, end in _deep_spans(copy):
        shallow[start:end] = b'"%b"' % (b" " * (end - start - 2))
    return bytes(shallow)


def half_pair_paths(raw: bytes) -> list[str]:
    """Where a string or a key of JSON that was refused holds half a surrogate pair; an empty path
    where it is too large or too deep to tell, and nothing where it is not well formed."""
    try:
        _skim(readable_copy(raw))
        if len(raw) > MAX_WALKED_BYTES:
            return [""]
        value = json.loads(raw.decode(), parse_int=len, parse_constant=_refuse)
    except RecursionError:
        return [""]
    except (ValueError, msgspec.DecodeError):
        return []
    return [path for path, node in nodes(value, "") if any(map(HALF.search, _texts(node)))]


def _texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return list(cast("dict[str, Any]", node))
    return [node] if isinstance(node, str) else []


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _deep_spans(raw: bytes) -> Iterator[tuple[int, int]]:
    depth = at = start = 0
    for _ in range(MAX_BRACKETS):
        found = BRACKET.match(raw, at)
        if found is None:
            return
        at = found.end()
        if found[1] in OPENING:
            depth += 1
            if depth == KEPT_LEVELS + 1:
                start = at - 1
        else:
            if depth == KEPT_LEVELS + 1:
                yield start, at
            depth -= 1
