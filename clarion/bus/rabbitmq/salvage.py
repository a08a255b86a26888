"""What can still be read of properties of which something cannot."""

from __future__ import annotations

from typing import NamedTuple

from clarion.bus.protocol import Undecodable
from clarion.bus.rabbitmq.field_table import read_value, table_entries
from clarion.bus.rabbitmq.properties import (
    CONTENT_TYPE,
    HEADERS,
    LENGTH,
    NO_PROPERTY,
    PROPERTIES,
    UNREADABLE,
    USER_ID,
    end_of,
    must_end,
    show_short,
)

_DELIVERY_COUNT = b"x-delivery-count"
"""The broker counts here how often it gave out a message, which stays the same one."""


class Salvaged(NamedTuple):
    """The properties that consumers are given, and what is wrong with the others."""

    content_type: str
    headers: dict[str, object]
    user_id: str | None
    undecodable: Undecodable


def salvage(frame: bytes, begin: int, *faults: str) -> Salvaged:
    """From a content header whose flags stand at `begin`; `faults` were found elsewhere."""
    found = _Found(frame, begin, list(faults))
    try:
        found.read()
    except UNREADABLE:
        found.faults.append("end of the properties")
    undecodable = Undecodable(tuple(found.faults), found.raw)
    return Salvaged(found.content_type, found.headers, found.user_id, undecodable)


class _Found:
    def __init__(self, frame: bytes, begin: int, faults: list[str]) -> None:
        self._frame = frame
        self._begin = begin
        self.faults = faults
        self.raw = frame[begin:-1]
        self.content_type = ""
        self.headers: dict[str, object] = {}
        self.user_id: str | None = None

    def read(self) -> None:
        frame = self._frame
        flags, at = int.from_bytes(frame[self._begin : self._begin + 2]), self._begin + 2
        if flags & NO_PROPERTY:
            self.faults.append("flags")
        for flag, name, read in PROPERTIES:
            if not flags & flag:
                continue
            begin, at = at, end_of(frame, at, read)
            self._show(name, begin)
            try:
                value, _ = read(frame, begin)
            except UNREADABLE:
                self.faults.append(name)
            else:
                if name == USER_ID and isinstance(value, str):
                    self.user_id = value or None
        must_end(frame, at)

    def _show(self, name: str, at: int) -> None:
        if name == CONTENT_TYPE:
            self.content_type, _ = show_short(self._frame, at)
        elif name == HEADERS:
            self.headers = _headers(self._frame, at)
            self.raw = _without_count(self._frame, self._begin, at)


def _headers(frame: bytes, at: int) -> dict[str, object]:
    """The entries that can be read."""
    headers: dict[str, object] = {}
    try:
        for entry in table_entries(frame, at):
            try:
                name = frame[entry.start + 1 : entry.kind_at].decode()
                headers[name] = read_value(frame, entry.kind_at)
            except UNREADABLE:
                continue
    except UNREADABLE:
        pass
    return headers


def _without_count(frame: bytes, begin: int, at: int) -> bytes:
    """All properties, with headers as they were before the broker counted."""
    try:
        for start, kind_at, end in table_entries(frame, at):
            if frame[start + 1 : kind_at] == _DELIVERY_COUNT:
                (length,) = LENGTH.unpack_from(frame, at)
                shorter = LENGTH.pack(length - (end - start))
                return frame[begin:at] + shorter + frame[at + LENGTH.size : start] + frame[end:-1]
    except UNREADABLE:
        pass
    return frame[begin:-1]
