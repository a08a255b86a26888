"""Checks on a whole JSON value, whatever its type: depth, NUL, numbers, size.

Each has a guard that looks at the bytes only, so that ordinary events are never walked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

import msgspec

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
HUGE_INTEGER = re.compile(rb"(?<![0-9])[0-9]{309}")
"""Looked for at the beginning of each run of digits only: else runs of 308 cost 308 looks each."""
REWRITTEN_NUMBER = re.compile(
    rb"(?:^|[\[:,])-?(?:[0-9]+(?:\.[0-9]+)?[eE]|(?<=-)0(?:\.0+)?(?![0-9.]))"
)
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
WHITE_SPACE = b" \t\r\n"
DIGITS = b"0123456789"
ONE_KIND = bytes.maketrans(b"{}", b"[]")
ONE_DIGIT = bytes.maketrans(b"123456789E", b"000000000e")
LARGEST_NUMBER = 1.7976931348623157e308


def is_deeper(raw: bytes, levels: int) -> bool:
    """Whether well-formed JSON nests objects and arrays more than `levels` deep."""
    if raw.count(b"{") + raw.count(b"[") <= levels:
        return False
    brackets = STRING.sub(b"", raw).translate(ONE_KIND, NOT_BRACKETS)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def may_hold_nul(raw: bytes) -> bool:
    """Whether a string in well-formed JSON may hold U+0000, which PostgreSQL cannot store."""
    return b"\\u0000" in raw


def may_hold_huge_number(raw: bytes) -> bool:
    """Whether well-formed JSON may hold an integer that is infinite to a JavaScript client."""
    if len(raw) <= 308 or len(raw) - len(raw.translate(None, DIGITS)) <= 308:
        return False
    return HUGE_INTEGER.search(raw) is not None


def compact(raw: bytes | msgspec.Raw) -> bytes:
    """The same well-formed JSON without the white space between tokens; each token stays as it was
    written."""
    written = bytes(raw)
    if len(written.translate(None, WHITE_SPACE)) == len(written):
        return written
    return msgspec.json.format(written, indent=-1)


def jsonb_rewrites(raw: bytes | msgspec.Raw) -> bool:
    """Whether PostgreSQL's JSONB would write a number of this compact JSON in another way: `1e308`
    as 309 digits, `1e22` as an integer, `-0.0` without its sign. Sometimes true of mere text."""
    written = bytes(raw)
    if b"-0" not in written and b"0e" not in written.translate(ONE_DIGIT):
        return False
    return REWRITTEN_NUMBER.search(written) is not None


def encoded_size(value: object) -> int:
    """Bytes of the compact JSON of a value; `Raw` inside it counts as it is written."""
    return len(compact(msgspec.json.encode(value)))


def deep_paths(value: object, levels: int) -> Iterator[str]:
    """Which fields of a value that is too deep make it so."""
    members = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    deep = [key for key, one in members.items() if _is_deeper(one, levels - 1)]
    yield from (member_path("", key) for key in deep)
    if not deep:
        yield ""


def _is_deeper(value: object, levels: int) -> bool:
    try:
        return is_deeper(msgspec.json.encode(value), levels)
    except RecursionError:  # a decoder goes deeper than an encoder
        return True


def nul_paths(value: object, path: str) -> Iterator[str]:
    """Where a string or a key holds U+0000."""
    for at, node in nodes(value, path):
        if not isinstance(node, str | dict):
            continue
        texts = [node] if isinstance(node, str) else list(cast("dict[str, object]", node))
        if any("\0" in text for text in texts):
            yield at


def huge_number_paths(value: object, path: str) -> Iterator[str]:
    """Where an integer is beyond the range of a double."""
    for at, node in nodes(value, path):
        if isinstance(node, int) and abs(node) > LARGEST_NUMBER:
            yield at


def nodes(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value inside `value`, itself included, with its path."""
    pending: list[tuple[str, object]] = [(path, value)]
    while pending:
        at, node = pending.pop()
        yield at, node
        if isinstance(node, dict):
            members = cast("dict[str, object]", node)
            pending.extend((member_path(at, key), one) for key, one in members.items())
        elif isinstance(node, list):
            items = cast("list[object]", node)
            pending.extend((f"{at}[{index}]", one) for index, one in enumerate(items))


def member_path(path: str, key: str) -> str:
    """`path.key`; a key that is not a plain name is the caller's data and is not repeated."""
    name = key if PLAIN_NAME.match(key) else "?"
    return f"{path}.{name}" if path else name
