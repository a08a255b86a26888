"""What both contenders are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from clarion.bus import Message
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, encode_envelope
from clarion.telemetry.trace import new_traceparent

API_KEY = "clr_benchbenchbenchbenchbenchbenchbenchbench01"
TOKEN_SECRET = "a-secret-of-the-benchmark-0123456789-0123456789"
SUBSCRIBERS = 1_000


def plain_event(number: int) -> dict[str, Any]:
    """An event for one subscriber's inbox."""
    return {
        "type": "order.shipped",
        "to": f"user:{number % SUBSCRIBERS}",
        "content": {"title": f"Your order {number} is on its way", "url": f"/orders/{number}"},
        "data": {"number": number, "carrier": "DHL", "express": False},
    }


def envelopes(count: int, size: int) -> Iterator[Message]:
    """`count` events as a gateway publishes them, `size` to a message."""
    for first in range(0, count, size):
        entries = [entry(number) for number in range(first, min(first + size, count))]
        yield Message(encode_envelope(entries), ENVELOPE_CONTENT_TYPE)


def entry(number: int) -> dict[str, Any]:
    """One accepted event."""
    return {
        "id": str(uuid4()),
        "source": "bench",
        "tenant": "default",
        "accepted_at": datetime.now(UTC),
        "traceparent": new_traceparent(),
        "event": plain_event(number),
    }


def item(number: int) -> dict[str, Any]:
    """An item of the inbox, as a frame bears it."""
    return {
        "id": str(uuid4()),
        "event_id": str(uuid4()),
        "type": "order.shipped",
        "category": None,
        "title": f"Your order {number} is on its way",
        "body": None,
        "url": f"/orders/{number}",
        "data": {"number": number, "carrier": "DHL", "express": False},
        "lane": "normal",
        "version": number,
        "entered": number,
        "created_at": datetime.now(UTC).isoformat(),
        "seen_at": None,
        "read_at": None,
        "archived_at": None,
        "snoozed_until": None,
    }


def notification(number: int, version: int) -> bytes:
    """The text of a frame."""
    frame = {"type": "notification", "version": version, "unread": version}
    return msgspec.json.encode(
        frame | {"item": item(number) | {"version": version, "entered": version}}
    )


def names(sessions: int) -> Sequence[str]:
    """The subscribers of the sockets."""
    return [f"user-{number}" for number in range(sessions)]
