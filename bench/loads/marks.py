"""Events that bear their number and the time at which they were due, and the frames they become."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.lib.events import plain_event
from bench.loads.websocket import TEXT, payload_of


class Mark(msgspec.Struct):
    """What is put into the data of an event."""

    number: int
    due_at: float


class Item(msgspec.Struct):
    """As much of an item of the inbox as is looked at."""

    data: Mark


class Frame(msgspec.Struct):
    """As much of a frame as is looked at."""

    type: str
    version: int = 0
    item: Item | None = None


class News(NamedTuple):
    """A notification."""

    version: int
    mark: Mark


_frame = msgspec.json.Decoder(Frame).decode


def news(frame: bytes) -> News | None:
    """The notification that a frame bears, if it is one: a replay ends with another."""
    if frame[0] != TEXT:
        return None
    read = _frame(payload_of(frame))
    if read.type != "notification" or read.item is None:
        return None
    return News(read.version, read.item.data)


def begins_replay(frame: bytes) -> bool:
    """Whether the server goes on from the store."""
    return frame[0] == TEXT and _frame(payload_of(frame)).type == "welcome"


def event(number: int, due_at: float, to: Sequence[str], padding: int = 0) -> bytes:
    """The body of a request, with so many further bytes of data."""
    made = plain_event(number)
    data = made["data"] | {"due_at": due_at} | ({"padding": "x" * padding} if padding else {})
    users = [f"user:{name}" for name in to]
    return json.dumps(made | {"to": users if len(users) > 1 else users[0], "data": data}).encode()
