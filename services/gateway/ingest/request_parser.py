"""Parse the headers and body of `POST /v1/events` into events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from clarion.contracts.arrays import split_array
from clarion.contracts.cloudevents import (
    BATCHED,
    STRUCTURED,
    http_attributes,
    read_binary,
    read_structured,
)
from clarion.contracts.ids import holds_control
from clarion.contracts.media import BOM, JSON, is_utf8, media_type, without_bom
from clarion.contracts.validation import (
    Parsed,
    read_apart,
    read_each,
    read_event,
)
from clarion.contracts.values import PLAIN_NAME
from clarion.errors import BadRequest, FieldError, Invalid, Refused, UnsupportedMedia

MAX_ID_CHARACTERS = 256
PARTIAL = "partial"

Headers = Mapping[bytes, bytes]


class ParsedRequest(NamedTuple):
    """The events of one request. `outcomes`, if it may be accepted in part, says for each event, in
    the order given, that it is among `events` or why not."""

    events: list[Parsed]
    single: bool
    outcomes: list[Parsed | Refused] | None = None


def parse_request(headers: Headers, body: bytes, *, partial: bool = False) -> ParsedRequest:
    """The events of a request, in the order given. Raises `BadRequest`, `Invalid` and
    `UnsupportedMedia`; with `partial`, not for a single invalid event of an array."""
    if body[:1] == BOM[:1]:
        body = without_bom(body)
    read, single = _reader_of(headers, body)
    if partial:
        outcomes = read_apart([body] if single else split_array(body), read)
        events = [one for one in outcomes if isinstance(one, Parsed)]
        return ParsedRequest(events, single, outcomes)
    if single:
        return ParsedRequest([read(body)], single)
    return ParsedRequest(read_each(split_array(body), read), single)


def _reader_of(headers: Headers, body: bytes) -> tuple[Callable[[bytes], Parsed], bool]:
    """The parser of one event, and whether the body is a single event."""
    given = headers.get(b"content-type")
    if given is None or given == b"application/json":
        media = JSON
    else:
        media = _readable_media(given.decode("latin-1"))
    refuse_encoding(headers)
    if media in (STRUCTURED, BATCHED):
        return read_structured, media == STRUCTURED
    if b"ce-specversion" in headers:
        attributes = http_attributes(headers.items())
        return lambda part: read_binary(attributes, _text(given), part), True
    if media != JSON:
        raise UnsupportedMedia(
            f"Send {JSON}, {STRUCTURED}, {BATCHED}, or a CloudEvent in binary mode."
        )
    return read_event, body.lstrip(b" \t\r\n")[:1] != b"["


def refuse_encoding(headers: Headers) -> None:
    """Raises `UnsupportedMedia` for a compressed body."""
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise UnsupportedMedia("Send the body without Content-Encoding.")


def idempotency_key(headers: Headers, request: ParsedRequest) -> str | None:
    """`Idempotency-Key`, quoted or bare: an alternative to the `id` of a single event."""
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    if not request.single:
        raise BadRequest(
            "Idempotency-Key names one event; give each event of an array its own id.",
            code="idempotency_key_on_array",
        )
    key = _unquoted(given)
    if not 1 <= len(key) <= MAX_ID_CHARACTERS or holds_control(key):
        words = "must be UTF-8 of 1 to 256 characters, none of them a control character"
        fault = FieldError("Idempotency-Key", words)
        raise Invalid("The Idempotency-Key is not valid.", errors=[fault])
    if request.events and request.events[0].event.id not in (None, key):
        fault = FieldError("id", "is not the same as the Idempotency-Key")
        raise Invalid(
            "Two different ids were given.", code="idempotency_key_differs", errors=[fault]
        )
    return key


def wants_partial(query: bytes) -> bool:
    """Whether the query has `?partial=true`.

    Raises `BadRequest` with the name of any other parameter: a request for a dry run must not be
    executed.
    """
    if not query:
        return False
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values = {value for name, value in given if name == PARTIAL}
    if not values <= {"true", "false"} or len(values) > 1:
        fault = FieldError(PARTIAL, "must be true or false")
        raise Invalid("The query is not valid; nothing was accepted.", errors=[fault])
    _refuse_parameters({name for name, _ in given} - {PARTIAL}, malformed=not given)
    return "true" in values


def _refuse_parameters(names: set[str], *, malformed: bool) -> None:
    if not names and not malformed:
        return
    faults = [
        FieldError(
            name if PLAIN_NAME.match(name) else "?",
            "is not available yet"
            if name == "dry_run"
            else f"is not a parameter of this call; the only one is {PARTIAL}",
        )
        for name in sorted(names)
    ]
    said = ", ".join(f"{fault.field} {fault.message}" for fault in faults[:10])
    raise BadRequest(
        f"Nothing was accepted: {said or 'the query is malformed'}.",
        code="unknown_parameter",
        errors=faults[:10],
    )


def _readable_media(content_type: str) -> str:
    if not is_utf8(content_type):
        raise UnsupportedMedia("Send the body as UTF-8.")
    return media_type(content_type)


def _unquoted(value: bytes) -> str:
    value = value.strip()
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        value = value[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
