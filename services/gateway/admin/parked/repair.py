"""The message published for a parked one: never more than its tenant was allowed to send."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from sqlalchemy import Row

from clarion.bus.protocol import Message
from clarion.contracts.cloudevents import BATCHED, read_amqp, read_batch
from clarion.contracts.envelope import (
    ENVELOPE_CONTENT_TYPE,
    RawEntry,
    decode_raw_envelope,
    encode_envelope,
)
from clarion.contracts.event import DEFAULT_SOURCE
from clarion.contracts.media import media_type
from clarion.contracts.parking import CUT, NOT_ALLOWED, OURS, UNDECODABLE, UNROUTABLE
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.contracts.validation import Parsed
from clarion.errors import Conflict, Problem
from clarion.topology import DELIVERIES, EVENTS, QUEUES

Address = tuple[str, str]
"""(exchange, routing key)."""

ADDRESSES: dict[str, Address] = {
    queue.name: (queue.exchange, queue.key)
    for queue in QUEUES
    if queue.exchange in (EVENTS, DELIVERIES)
}

NEVER_OURS = (NOT_ALLOWED, UNDECODABLE)
"""Reason for parking a message that another program may have sent with an internal content type."""

_slice = msgspec.json.Decoder(Slice)


def check_allowed(row: Row[Any]) -> None:
    """Raises `Conflict` (`not_allowed`): published again it would carry our user, which may do more
    than its sender."""
    if row.reason == NOT_ALLOWED:
        detail = "Its sender is not allowed to send this message; it cannot be redriven. Delete it."
        raise Conflict(detail, code=NOT_ALLOWED)


def address_of(row: Row[Any]) -> Address:
    """Its original queue, or else the normal lane. Raises `Conflict` (`no_queue`)."""
    is_unroutable = row.reason == UNROUTABLE
    address = (EVENTS, "normal") if is_unroutable else ADDRESSES.get(row.queue)
    if address is None or (address[0] != EVENTS and media_type(row.content_type) not in OURS):
        raise Conflict("The message does not name its queue.", code="no_queue")
    return address


def message_of(row: Row[Any]) -> Message:
    """The stored body; a CloudEvent is parsed again and published for its tenant.

    A tenant is identified by the AMQP user, and now the user would be ours. Raises `Conflict`
    (`no_tenant`, `headers_cut`, `still_malformed`, and as `check_allowed`).
    """
    check_allowed(row)
    media = media_type(row.content_type)
    if row.reason == UNDECODABLE:
        detail = "Its AMQP properties cannot be decoded. Its sender has to send it again."
        raise Conflict(detail, code="still_malformed")
    if media in OURS:
        return Message(row.body, row.content_type)
    if row.tenant is None:
        detail = "The message names no tenant. Its sender has to send it again."
        raise Conflict(detail, code="no_tenant")
    if CUT in row.headers:
        detail = "Its attributes were too large to store. Its sender has to send it again."
        raise Conflict(detail, code="headers_cut")
    try:
        parsed = (
            read_batch(row.body)
            if media == BATCHED
            else [read_amqp(row.body, row.content_type, row.headers)]
        )
    except Problem as problem:
        detail = "The message is still malformed, for the reason of its parking."
        raise Conflict(detail, code="still_malformed", errors=problem.errors) from None
    body = encode_envelope([_entry(event, row) for event in parsed])
    return Message(body, ENVELOPE_CONTENT_TYPE)


def slice_of(row: Row[Any]) -> Slice | None:
    """The slice in the message, if it is one. Raises `Conflict` (`still_malformed`)."""
    if media_type(row.content_type) != SLICE_CONTENT_TYPE or row.reason in NEVER_OURS:
        return None
    try:
        return _slice.decode(row.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Conflict("The slice is malformed.", code="still_malformed") from None


def events_in(row: Row[Any]) -> list[tuple[str, str, str]]:
    """(tenant, source, id) of each event in a parked envelope; none where it is something else."""
    if media_type(row.content_type) != ENVELOPE_CONTENT_TYPE or row.reason in NEVER_OURS:
        return []
    try:
        entries = decode_raw_envelope(row.body).events
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [(entry.tenant, entry.source, entry.id) for entry in entries]


def _entry(parsed: Parsed, row: Row[Any]) -> RawEntry:
    event = parsed.event
    trace_id = row.trace_id or secrets.token_hex(16)
    return RawEntry(
        event.id or "",
        event.source or row.source or DEFAULT_SOURCE,
        row.tenant,
        row.parked_at,
        parsed.traceparent or f"00-{trace_id}-{secrets.token_hex(8)}-01",
        msgspec.Raw(parsed.raw),
    )
