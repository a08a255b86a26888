"""Bytes to events, with every wrong field named.

The fast path is one typed decode and a look at the bytes. Only what fails there is decoded loosely
and examined field by field. Nothing here does I/O, and no message repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import msgspec

from clarion.contracts.addresses import email_fault, locale_fault, phone_fault, timezone_fault
from clarion.contracts.arrays import split_array
from clarion.contracts.content_faults import content_faults
from clarion.contracts.event import (
    ADDRESS_PATTERN,
    MAX_DATA_BYTES,
    MAX_DEPTH,
    Event,
    Recipient,
    audience_of,
)
from clarion.contracts.field_faults import event_faults, expected
from clarion.contracts.ids import holds_control
from clarion.contracts.moments import without_leap_seconds
from clarion.contracts.refusals import MAX_NAMED_FAULTS, invalid, malformed, too_deep
from clarion.contracts.values import (
    compact,
    deep_paths,
    encoded_size,
    huge_number_paths,
    is_deeper,
    may_hold_huge_number,
    may_hold_nul,
    nul_paths,
)
from clarion.errors import FieldError, Invalid, Refused

MAX_ATTRIBUTES_BYTES = 16 * 1024
MAX_DELAY = timedelta(days=366)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

_event_decoder = msgspec.json.Decoder(Event)
_value_decoder = msgspec.json.Decoder()
_ADDRESS = re.compile(ADDRESS_PATTERN)


class Parsed(NamedTuple):
    """An event and the JSON it was read from; `traceparent` where the event itself brought one."""

    event: Event
    raw: bytes
    traceparent: str | None = None


def decode_event(raw: bytes, *, now: datetime | None = None) -> Event:
    """One event; as `read_event`."""
    return read_event(raw, now=now).event


def read_event(raw: bytes, *, now: datetime | None = None) -> Parsed:
    """One event and its JSON, in which a leap second is the microsecond before. `now` bounds
    `send_at`; the clock where it is left out.

    Raises `BadRequest` (`malformed_json`) for what is not JSON, and `Invalid` with one
    `FieldError` for each wrong field.
    """
    event, faults = _examine(raw, now)
    if event is None and (changed := without_leap_seconds(raw)) is not None:
        return read_event(changed, now=now)
    if event is None or faults:
        raise invalid(faults)
    return Parsed(event, raw)


def decode_events(raw: bytes, *, now: datetime | None = None) -> list[Parsed]:
    """An array of 1 to `MAX_EVENTS` events, each with its own bytes. Errors as `decode_event`,
    with paths such as `[3].type`; one wrong event refuses all."""
    return read_each(split_array(raw), lambda part: read_event(part, now=now))


def read_apart(parts: Sequence[bytes], read: Callable[[bytes], Parsed]) -> list[Parsed | Refused]:
    """Read every part; one that is wrong is its problem instead."""
    outcomes: list[Parsed | Refused] = []
    for part in parts:
        try:
            outcomes.append(read(part))
        except Refused as problem:
            outcomes.append(problem)
    return outcomes


def read_each(parts: Sequence[bytes], read: Callable[[bytes], Parsed]) -> list[Parsed]:
    """Read every part, or raise one `Invalid` that names the wrong fields of all of them."""
    parsed: list[Parsed] = []
    faults: list[FieldError] = []
    for index, part in enumerate(parts):
        try:
            parsed.append(read(part))
        except Refused as problem:
            named = problem.errors or (FieldError("body", problem.detail),)
            found = [FieldError(_under(index, one.field), one.message) for one in named]
            if not isinstance(problem, Invalid):
                raise type(problem)(problem.detail, code=problem.code, errors=found) from None
            faults.extend(found)
            if len(faults) >= MAX_NAMED_FAULTS:
                break
    if faults:
        raise invalid(faults)
    return parsed


def decode_json(raw: bytes) -> Any:
    """Any JSON that PostgreSQL and JSON clients can hold. Errors as `decode_event`."""
    value, faults = _decode_loosely(raw)
    faults.extend(_value_faults(raw, value))
    if faults:
        raise invalid(faults)
    return value


def recipient_faults(recipient: Recipient, path: str = "") -> Iterator[FieldError]:
    """What is wrong with the description of one person."""
    prefix = f"{path}." if path else ""
    checks = (
        ("email", recipient.email, email_fault),
        ("phone", recipient.phone, phone_fault),
        ("locale", recipient.locale, locale_fault),
        ("timezone", recipient.timezone, timezone_fault),
    )
    for name, value, fault_of in checks:
        if value is not None and (fault := fault_of(value)) is not None:
            yield FieldError(prefix + name, fault)
    attributes = recipient.attributes
    if attributes and encoded_size(attributes) > MAX_ATTRIBUTES_BYTES:
        yield FieldError(prefix + "attributes", f"is larger than {MAX_ATTRIBUTES_BYTES} bytes")


def _examine(raw: bytes, now: datetime | None) -> tuple[Event | None, list[FieldError]]:
    try:
        event = _event_decoder.decode(raw)
        _read_values(event)
    except RecursionError:
        return None, [too_deep("body")]
    except (msgspec.DecodeError, UnicodeDecodeError):
        loose, faults = _decode_loosely(raw)
        if not faults:
            faults = [*event_faults(loose), *_value_faults(raw, loose)]
        return None, faults or [FieldError("body", "is not an event")]
    return event, _event_value_faults(event, raw, now)


def _read_values(event: Event) -> None:
    """Raises what a decode of all would: `Raw` is passed over without a look at its texts."""
    if event.data is not msgspec.UNSET:
        _value_decoder.decode(event.data)
    if event.to is not None and not isinstance(event.to, str):
        for one in audience_of(event):
            if isinstance(one, Recipient) and one.attributes:
                for value in one.attributes.values():
                    _value_decoder.decode(value)


def _decode_loosely(raw: bytes) -> tuple[Any, list[FieldError]]:
    try:
        return msgspec.json.decode(raw), []
    except RecursionError:
        return None, [too_deep("body")]
    except msgspec.ValidationError:
        return None, [FieldError("body", "holds a number out of range")]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(raw, error) from None


def _value_faults(raw: bytes, value: object) -> Iterator[FieldError]:
    if is_deeper(raw, MAX_DEPTH):
        yield from (too_deep(path or "body") for path in deep_paths(value, MAX_DEPTH))
    if may_hold_nul(raw):
        for path in nul_paths(value, ""):
            yield FieldError(path or "body", "holds the character U+0000")
    if may_hold_huge_number(raw):
        for path in huge_number_paths(value, ""):
            yield FieldError(path or "body", "is a number out of range")


def _event_value_faults(event: Event, raw: bytes, now: datetime | None) -> list[FieldError]:
    faults: list[FieldError] = []
    if is_deeper(raw, MAX_DEPTH) or may_hold_nul(raw) or may_hold_huge_number(raw):
        value, faults = _decode_loosely(raw)
        if not faults:
            faults += _value_faults(raw, value)
    if event.id is not None and holds_control(event.id) and "\0" not in event.id:
        faults.append(FieldError("id", expected("id")))
    if event.source is not None and holds_control(event.source) and "\0" not in event.source:
        faults.append(FieldError("source", expected("source")))
    content = event.content
    if content is not None:
        faults += content_faults(content)
    data = event.data
    if data and len(data) > MAX_DATA_BYTES and len(compact(data)) > MAX_DATA_BYTES:
        faults.append(FieldError("data", f"is larger than {MAX_DATA_BYTES} bytes"))
    if not (event.time is event.send_at is event.expires_at is None):
        faults += _time_faults(event, now or datetime.now(UTC))
    if isinstance(event.to, str):
        if not _ADDRESS.match(event.to):
            faults.append(FieldError("to", expected("to")))
    elif event.to is not None:
        faults += _audience_faults(event)
    return faults


def _time_faults(event: Event, now: datetime) -> Iterator[FieldError]:
    for name in ("time", "send_at", "expires_at"):
        moment = cast("datetime | None", getattr(event, name))
        if moment is not None and not EARLIEST <= moment <= LATEST:
            yield FieldError(name, "must lie between the years 1970 and 9999")
    if event.send_at is not None and event.send_at > now + MAX_DELAY:
        yield FieldError("send_at", "must lie within one year")
    if event.expires_at is not None and event.expires_at <= (event.send_at or EARLIEST):
        yield FieldError("expires_at", "must be later than send_at")


def _audience_faults(event: Event) -> Iterator[FieldError]:
    is_list = isinstance(event.to, list)
    for index, one in enumerate(audience_of(event)):
        if isinstance(one, Recipient):
            yield from recipient_faults(one, f"to[{index}]" if is_list else "to")


def _under(index: int, field: str) -> str:
    return f"[{index}]" if field == "body" else f"[{index}].{field}"
