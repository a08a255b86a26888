"""What travels on `clarion.events`: events that the gateway accepted together.

The broker's price is paid per message, not per event, so events that arrive together share one
message and one confirm. Each keeps its own fate: `Entry.event` is decoded on its own when the
whole does not decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from clarion.contracts.event import Event

ENVELOPE_CONTENT_TYPE = "application/vnd.clarion.envelope+json"
MAX_ENVELOPE_EVENTS = 256
MAX_ENVELOPE_BYTES = 256 * 1024


class Entry(Struct, frozen=True):
    """One accepted event. `id` and `source` are settled here; those inside `event` may be unset."""

    id: str
    source: str
    tenant: str
    accepted_at: datetime
    traceparent: str
    event: Event


class RawEntry(Struct, frozen=True):
    """An `Entry` whose event is still the caller's bytes."""

    id: str
    source: str
    tenant: str
    accepted_at: datetime
    traceparent: str
    event: msgspec.Raw


class Envelope(Struct, frozen=True):
    """Up to `MAX_ENVELOPE_EVENTS` entries of one lane, or `MAX_ENVELOPE_BYTES`."""

    v: Literal[1]
    events: list[Entry]


class RawEnvelope(Struct, frozen=True):
    """An `Envelope` opened no further than its entries: to isolate one that is malformed."""

    v: Literal[1]
    events: list[RawEntry]


_encode = msgspec.json.Encoder().encode
decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_raw_envelope = msgspec.json.Decoder(RawEnvelope).decode


def encode_envelope(entries: Sequence[object]) -> bytes:
    """The body of a message with these entries: `Entry`, `RawEntry` or mappings like them."""
    return _encode({"v": 1, "events": entries})


def join_envelope(entries: Sequence[bytes]) -> bytes:
    """As `encode_envelope`, for entries that are encoded already."""
    return b'{"v":1,"events":[' + b",".join(entries) + b"]}"
