"""Field tables of AMQP 0-9-1, as RabbitMQ writes them (https://www.rabbitmq.com/amqp-0-9-1-errata).

Parsing is linear in their size and bounded in depth, because publishers choose the content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from struct import Struct
from typing import NamedTuple

MAX_DEPTH = 32
"""The deepest nesting of tables and arrays that is read."""

LATEST_S = 0xFFFF_FFFF
"""Times past 2106 are taken for milliseconds, which some clients write."""

_LENGTH = Struct(">L")
_MOMENT = Struct(">Q")
_DECIMAL = Struct(">BL")

Value = tuple[object, int]
"""What was read, and where it ends."""


class TableEntry(NamedTuple):
    """Where one entry of a table stands: its name, its type, its value, and its end."""

    start: int
    kind_at: int
    end: int


def read_table(data: bytes, at: int, depth: int = MAX_DEPTH) -> tuple[dict[str, object], int]:
    """The table that begins there, and where it ends.

    Raises `ValueError`, `IndexError`, `struct.error`, `OverflowError` or `OSError` where it does
    not hold what it should. The last one counts where a name stands twice.
    """
    if depth == 0:
        raise ValueError("nested too deep")
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    end = _bounded(data, at + length)
    table: dict[str, object] = {}
    while at < end:
        name_end = at + 1 + data[at]
        name = data[at + 1 : name_end].decode()
        table[name], at = _value(data, name_end, depth)
    if at != end:
        raise ValueError("an entry passes the end of its table")
    return table, end


def read_moment(data: bytes, at: int) -> tuple[datetime, int]:
    """The time that begins there. Raises as `read_table` where there is no such time."""
    (moment,) = _MOMENT.unpack_from(data, at)
    seconds = moment if moment <= LATEST_S else moment / 1_000
    return datetime.fromtimestamp(seconds, tz=UTC), at + _MOMENT.size


def table_entries(data: bytes, at: int) -> Iterator[TableEntry]:
    """The positions of the entries of a table, as far as they are readable; their values are not
    inspected."""
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    end = _bounded(data, at + length)
    while at < end:
        kind_at = at + 1 + data[at]
        entry_end = _end_of(data, kind_at)
        if entry_end > end:
            return
        yield TableEntry(at, kind_at, entry_end)
        at = entry_end


def read_value(data: bytes, kind_at: int) -> object:
    """The value of an entry. Raises as `read_table`."""
    return _value(data, kind_at, MAX_DEPTH)[0]


def _value(data: bytes, kind_at: int, depth: int) -> Value:
    kind, at = data[kind_at], kind_at + 1
    if kind == _TEXT:
        return _long_string(data, at)
    if kind == _TABLE:
        return read_table(data, at, depth - 1)
    if kind == _ARRAY:
        return _array(data, at, depth - 1)
    read = _READ.get(kind)
    if read is None:
        raise ValueError("unknown type")
    return read(data, at)


def _end_of(data: bytes, kind_at: int) -> int:
    kind, at = data[kind_at], kind_at + 1
    size = _SIZES.get(kind)
    if size is not None:
        return at + size
    if kind not in _SIZED:
        return len(data) + 1
    return at + _LENGTH.size + int(_LENGTH.unpack_from(data, at)[0])


def _bounded(data: bytes, end: int) -> int:
    if end > len(data):
        raise ValueError("it is longer than its frame")
    return end


def _long_string(data: bytes, at: int) -> Value:
    """Text where it is UTF-8: AMQP leaves open what it is."""
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    end = at + length
    if end > len(data):
        raise ValueError("it is longer than its frame")
    octets = data[at:end]
    try:
        return octets.decode(), end
    except UnicodeDecodeError:
        return octets, end


def _octets(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    end = _bounded(data, at + length)
    return data[at:end], end


def _array(data: bytes, at: int, depth: int) -> Value:
    if depth == 0:
        raise ValueError("nested too deep")
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    end = _bounded(data, at + length)
    values: list[object] = []
    while at < end:
        value, at = _value(data, at, depth)
        values.append(value)
    if at != end:
        raise ValueError("an entry passes the end of its array")
    return values, end


def _decimal(data: bytes, at: int) -> Value:
    places, digits = _DECIMAL.unpack_from(data, at)
    return Decimal(digits).scaleb(-places), at + _DECIMAL.size


def _boolean(data: bytes, at: int) -> Value:
    return data[at] != 0, at + 1


def _nothing(data: bytes, at: int) -> Value:
    return None, at


def _number(layout: str) -> Callable[[bytes, int], Value]:
    struct = Struct(layout)
    return lambda data, at: (struct.unpack_from(data, at)[0], at + struct.size)


_NUMBERS = {
    "b": ">b",
    "B": ">B",
    "s": ">h",
    "u": ">H",
    "I": ">i",
    "i": ">I",
    "l": ">q",
    "L": ">q",
    "f": ">f",
    "d": ">d",
}
_TEXT, _TABLE, _ARRAY = map(ord, "SFA")
_SIZED = frozenset(map(ord, "SFAx"))
"""Those whose value begins with its length."""
_READ: dict[int, Callable[[bytes, int], Value]] = {
    **{ord(kind): _number(layout) for kind, layout in _NUMBERS.items()},
    ord("t"): _boolean,
    ord("D"): _decimal,
    ord("T"): read_moment,
    ord("V"): _nothing,
    ord("x"): _octets,
    0: _nothing,  # not documented, seen in the wild
}
_SIZES: dict[int, int] = {
    **{ord(kind): Struct(layout).size for kind, layout in _NUMBERS.items()},
    ord("t"): 1,
    ord("D"): _DECIMAL.size,
    ord("T"): _MOMENT.size,
    ord("V"): 0,
    0: 0,
}
