"""From the headers and body of `POST /v1/events` to events: which form it is, and its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from clarion.contracts.cloudevents import (
    BATCHED,
    STRUCTURED,
    http_attributes,
    read_batch,
    read_binary,
    read_structured,
)
from clarion.contracts.media import JSON, charset, media_type
from clarion.contracts.validation import Parsed, decode_event, decode_events
from clarion.contracts.values import PLAIN_NAME
from clarion.errors import BadRequest, FieldError, Invalid, UnsupportedMedia

MAX_ID_CHARACTERS = 256

Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought."""

    events: list[Parsed]
    single: bool


def read_events(headers: Headers, body: bytes) -> Intake:
    """The events of a request, in the order given. Raises `BadRequest`, `Invalid`,
    `UnsupportedMedia`."""
    given = headers.get(b"content-type")
    if given is None or given == b"application/json":
        media = JSON
    else:
        media = _readable_media(given.decode("latin-1"))
    refuse_encoding(headers)
    if media == STRUCTURED:
        return Intake([read_structured(body)], single=True)
    if media == BATCHED:
        return Intake(read_batch(body), single=False)
    if b"ce-specversion" in headers:
        attributes = http_attributes(headers.items())
        return Intake([read_binary(attributes, _text(given), body)], single=True)
    if media != JSON:
        raise UnsupportedMedia(
            f"Send {JSON}, {STRUCTURED}, {BATCHED}, or a CloudEvent in binary mode."
        )
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        return Intake(decode_events(body), single=False)
    return Intake([Parsed(decode_event(body), body)], single=True)


def refuse_encoding(headers: Headers) -> None:
    """Raises `UnsupportedMedia` for a compressed body."""
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise UnsupportedMedia("Send the body without Content-Encoding.")


def idempotency_key(headers: Headers, intake: Intake) -> str | None:
    """`Idempotency-Key`, quoted or bare: another spelling of the `id` of a single event."""
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    if not intake.single:
        raise BadRequest(
            "Idempotency-Key names one event; give each event of an array its own id.",
            code="idempotency_key_on_array",
        )
    key = _unquoted(given)
    if not 1 <= len(key) <= MAX_ID_CHARACTERS or "\0" in key:
        fault = FieldError("Idempotency-Key", "must be UTF-8 of 1 to 256 characters")
        raise Invalid("The Idempotency-Key is not valid.", errors=[fault])
    if intake.events[0].event.id not in (None, key):
        fault = FieldError("id", "is not the same as the Idempotency-Key")
        raise Invalid(
            "Two different ids were given.", code="idempotency_key_differs", errors=[fault]
        )
    return key


def refuse_parameters(query: bytes) -> None:
    """Raises `BadRequest` that names a query parameter: none is known here, and one that asks for
    a trial must not be taken for the real thing."""
    if not query:
        return
    names = {name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}
    faults = [
        FieldError(
            name if PLAIN_NAME.match(name) else "?",
            "is not available yet" if name == "dry_run" else "is not a parameter of this call",
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
    if charset(content_type) not in ("utf-8", "utf8"):
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
