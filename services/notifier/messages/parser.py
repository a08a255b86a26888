"""Parses messages on `clarion.events` into entries, slices, and malformed parts with a reason."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec

from clarion import clock
from clarion.bus.protocol import Received, Undecodable
from clarion.contracts.cloudevents import BATCHED, read_amqp, read_batch
from clarion.contracts.envelope import (
    ENVELOPE_CONTENT_TYPE,
    Entry,
    RawEntry,
    decode_envelope,
    decode_raw_envelope,
    encode_envelope,
)
from clarion.contracts.event import DEFAULT_SOURCE, Event
from clarion.contracts.media import media_type
from clarion.contracts.parking import NOT_ALLOWED, OURS, RAW_PROPERTIES, UNDECODABLE
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.errors import Invalid, Problem
from clarion.telemetry.trace import continue_trace

_event = msgspec.json.Decoder(Event)
_slice = msgspec.json.Decoder(Slice)

ONLY_CLARION = (
    "Only Clarion sends these: the message does not bear, as its user_id, the user of a service of"
    " Clarion (CLARION_AMQP_OWN_USERS)."
)

Identity = Callable[[str | None], tuple[str, str] | None]
"""(tenant, source) for which an AMQP user publishes; None if it may not."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A part that is no valid event; dead-lettered unchanged."""

    reason: str
    detail: str
    body: bytes
    content_type: str
    tenant: str | None = None
    traceparent: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict[str, object])
    source: str | None = None
    again: bool = False
    """Redelivered by the broker: it may be dead-lettered already."""


@dataclass(slots=True)
class ParsedMessage:
    """The contents of one message."""

    message: Received
    entries: list[Entry] = field(default_factory=list[Entry])
    malformed: list[Malformed] = field(default_factory=list[Malformed])
    slice_: Slice | None = None


def no_tenant_for(user: str | None) -> str:
    """Why a message of this AMQP user is refused."""
    if user is None:
        return "The message bears no user_id, so it is nobody's: see CLARION_AMQP_TENANTS."
    return "CLARION_AMQP_TENANTS names no tenant for this AMQP user."


def single(entry: Entry) -> bytes:
    """An envelope with this event alone: the body to dead-letter, which a redrive publishes."""
    return encode_envelope([entry])


class MessageParser:
    """Parses messages. `identity` maps AMQP users to tenants; only `own_users` may send Clarion's
    internal messages, which name their tenant."""

    def __init__(self, identity: Identity, own_users: frozenset[str]) -> None:
        self._identity = identity
        self._own_users = own_users

    def parse(self, message: Received) -> ParsedMessage:
        """Never raises: errors are in `malformed`."""
        parsed = ParsedMessage(message)
        media = media_type(message.content_type)
        if message.undecodable is not None:
            parsed.malformed.append(undecodable(message, message.undecodable, self._identity))
        elif media in OURS and message.user_id not in self._own_users:
            parsed.malformed.append(_whole(message, NOT_ALLOWED, ONLY_CLARION))
        elif media == ENVELOPE_CONTENT_TYPE:
            _read_envelope(message, parsed)
        elif media == SLICE_CONTENT_TYPE:
            _read_slice(message, parsed)
        else:
            self._read_published(message, media, parsed)
        return parsed

    def _read_published(self, message: Received, media: str, parsed: ParsedMessage) -> None:
        identity = self._identity(message.user_id)
        if identity is None:
            parsed.malformed.append(_whole(message, NOT_ALLOWED, no_tenant_for(message.user_id)))
            return
        tenant, source = identity
        try:
            published = (
                read_batch(message.body)
                if media == BATCHED
                else [read_amqp(message.body, message.content_type, message.headers)]
            )
        except Problem as problem:
            malformed = _whole(message, problem.code, _sentence(problem), identity)
            parsed.malformed.append(malformed)
            return
        header = message.headers.get("traceparent")
        for member in published:
            event = member.event
            trace = member.traceparent or (header if isinstance(header, str) else None)
            parsed.entries.append(
                Entry(
                    event.id or "",
                    event.source or source or DEFAULT_SOURCE,
                    tenant,
                    clock.now(),
                    continue_trace(trace),
                    event,
                )
            )


def undecodable(message: Received, failure: Undecodable, identity: Identity) -> Malformed:
    """A message with undecodable properties, which are kept. Messages of other programs belong to
    the tenant of their AMQP user."""
    published = media_type(message.content_type) not in OURS
    tenant, source = (identity(message.user_id) if published else None) or (None, None)
    trace = message.headers.get("traceparent")
    properties = {RAW_PROPERTIES: b64encode(failure.properties).decode()}
    return Malformed(
        UNDECODABLE,
        failure.detail,
        message.body,
        message.content_type,
        tenant,
        trace if isinstance(trace, str) else None,
        {**message.headers, **properties},
        source,
        again=message.redelivered,
    )


def _read_envelope(message: Received, parsed: ParsedMessage) -> None:
    try:
        parsed.entries = decode_envelope(message.body).events
        return
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        raw_entries = decode_raw_envelope(message.body).events
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = f"The envelope does not decode: {_fault(error)}."
        parsed.malformed.append(_whole(message, "malformed_envelope", detail))
        return
    for raw in raw_entries:
        _read_entry(raw, message, parsed)


def _read_entry(raw: RawEntry, message: Received, parsed: ParsedMessage) -> None:
    try:
        event = _event.decode(raw.event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        parsed.malformed.append(
            Malformed(
                "malformed_event",
                f"The event does not decode: {_fault(error)}.",
                encode_envelope([raw]),
                message.content_type,
                raw.tenant,
                raw.traceparent,
                again=message.redelivered,
            )
        )
        return
    entry = partial(Entry, raw.id, raw.source, raw.tenant, raw.accepted_at, raw.traceparent)
    parsed.entries.append(entry(event))


def _read_slice(message: Received, parsed: ParsedMessage) -> None:
    try:
        parsed.slice_ = _slice.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"The slice does not decode: {_fault(error)}."
        parsed.malformed.append(_whole(message, "malformed_slice", detail))


def _whole(
    message: Received, reason: str, detail: str, identity: tuple[str, str] | None = None
) -> Malformed:
    header = message.headers.get("traceparent")
    tenant, source = identity or (None, None)
    return Malformed(
        reason,
        detail,
        message.body,
        message.content_type,
        tenant,
        header if isinstance(header, str) else None,
        message.headers,
        source,
        again=message.redelivered,
    )


def _sentence(problem: Problem) -> str:
    if isinstance(problem, Invalid) and problem.errors:
        return "; ".join(f"{fault.field} {fault.message}" for fault in problem.errors[:10])
    return problem.detail


def _fault(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return "it is not JSON as documented"
