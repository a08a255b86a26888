"""CloudEvents 1.0 to plain events: structured, batched and binary, over HTTP and AMQP.

What the attributes become:

| CloudEvent | event |
|---|---|
| `id`, `source`, `type` (required), `time` | the same |
| `data`, or what `data_base64` stands for, where it is JSON or text | `data` |
| `to`, `channels` (comma-separated, or JSON in structured mode) | the same |
| `category`, `lane` | the same |
| `sendat`, `expiresat` (structured: `send_at`, `expires_at` too) | `send_at`, `expires_at` |
| `title`, `body`, `url` (or the object `content` in structured mode) | `content` |
| `traceparent` | the trace goes on |
| `subject`, `dataschema` and every other extension | tolerated, not kept |

Each reader returns `Parsed`: the event, and its canonical plain JSON. Raises as `decode_event`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import msgspec

from clarion.contracts.arrays import split_array
from clarion.contracts.media import JSON, is_utf8, media_type, without_bom
from clarion.contracts.validation import (
    Parsed,
    decode_json,
    invalid,
    read_each,
    read_event,
)
from clarion.contracts.values import compact
from clarion.errors import BadRequest, FieldError, Invalid, UnsupportedMedia

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
SPECVERSION = "1.0"
NEITHER = "must be JSON or text: data must be JSON"
SAME_NAME = ("id", "source", "type", "time", "category", "lane")
LISTS = ("to", "channels")
VERBATIM = ("data", "to")
"""What may hold the caller's numbers, which do not survive being read and written."""
MOMENTS = {"sendat": "send_at", "expiresat": "expires_at"}
CONTENT = ("title", "body", "url")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
AMQP_PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")


def read_structured(raw: bytes) -> Parsed:
    """One CloudEvent in the JSON format."""
    raw = without_bom(raw)
    value = decode_json(raw)
    if not isinstance(value, dict):
        raise invalid([FieldError("body", "must be an object")])
    attributes = {key: one for key, one in cast("dict[str, Any]", value).items() if one is not None}
    for name in VERBATIM:
        if name in attributes and not isinstance(attributes[name], str):
            attributes[name] = msgspec.Raw(compact(_members(raw)[name]))
    return _read(attributes, _decode_base64(attributes))


def read_batch(raw: bytes) -> list[Parsed]:
    """A JSON batch; one wrong event refuses all."""
    return read_each(split_array(without_bom(raw)), read_structured)


def read_binary(attributes: Mapping[str, str], content_type: str | None, body: bytes) -> Parsed:
    """One CloudEvent whose attributes came beside its data. Raises `UnsupportedMedia` for data
    that is neither JSON nor text."""
    extended: dict[str, Any] = {
        key: one for key, one in attributes.items() if key not in ("data", "data_base64", "content")
    }
    extended.pop("datacontenttype", None)
    if body:
        extended["data"] = _data_of(body, content_type)
    return _read(extended)


def read_amqp(body: bytes, content_type: str | None, headers: Mapping[str, object]) -> Parsed:
    """One message that somebody published straight to `clarion.events`.

    Structured CloudEvents are recognised by their content type, binary ones by a `ce-specversion`
    header; other JSON is a plain event, which must then bring its `id`, for a redelivery could
    not be distinguished from a second event.
    """
    media = media_type(content_type)
    if media == STRUCTURED:
        return read_structured(body)
    attributes = amqp_attributes(headers)
    if "specversion" in attributes:
        return read_binary(attributes, content_type, body)
    if media != JSON:
        raise UnsupportedMedia("Publish a CloudEvent, or a plain event as application/json.")
    parsed = read_event(without_bom(body))
    if parsed.event.id is None:
        raise invalid([FieldError("id", "is required over AMQP")])
    return parsed


def http_attributes(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The `ce-` headers of a request, percent-decoded."""
    return {
        name[3:].decode("latin-1"): _header_text(value)
        for name, value in headers
        if name.startswith(b"ce-")
    }


def amqp_attributes(headers: Mapping[str, object]) -> dict[str, str]:
    """The attributes among AMQP headers, spelled `ce-` (RabbitMQ) or `cloudEvents:` (AMQP 1.0)."""
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        for prefix in AMQP_PREFIXES:
            if name.lower().startswith(prefix.lower()):
                attributes[name[len(prefix) :].lower()] = amqp_text(value)
    return attributes


def _read(attributes: dict[str, Any], found: Sequence[FieldError] = ()) -> Parsed:
    faults = [
        FieldError(name, "is required")
        for name in ("id", "source", "type")
        if name not in attributes
    ]
    if attributes.get("specversion") != SPECVERSION:
        faults.append(FieldError("specversion", f"must be {SPECVERSION}"))
    faults.extend(_data_faults(attributes))
    faults.extend(found)
    if faults:
        raise invalid(faults)
    raw = msgspec.json.encode(_plain(attributes))
    traceparent = attributes.get("traceparent")
    parsed = read_event(raw)
    return parsed._replace(traceparent=traceparent if isinstance(traceparent, str) else None)


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    plain = {name: attributes[name] for name in (*SAME_NAME, "data") if name in attributes}
    for name in LISTS:
        if name in attributes:
            plain[name] = _listed(attributes[name], always=name == "channels")
    for spelling, name in MOMENTS.items():
        moment = attributes.get(spelling, attributes.get(name))
        if moment is not None:
            plain[name] = moment
    shown = {name: attributes[name] for name in CONTENT if name in attributes}
    if "content" in attributes or shown:
        plain["content"] = attributes.get("content", shown)
    return plain


def _listed(value: object, *, always: bool) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",")]
    return parts if always or len(parts) > 1 else parts[0]


def _data_faults(attributes: dict[str, Any]) -> Iterable[FieldError]:
    content_type = attributes.get("datacontenttype", JSON)
    if not isinstance(content_type, str):
        yield FieldError("datacontenttype", "must be a string")
    elif "data" in attributes and not _is_readable(media_type(content_type)):
        yield FieldError("datacontenttype", NEITHER)


def _decode_base64(attributes: dict[str, Any]) -> list[FieldError]:
    """Put the octets that `data_base64` stands for into `data`, as binary mode does with a body.
    What is wrong."""
    if "data_base64" not in attributes:
        return []
    encoded = attributes.pop("data_base64")
    if "data" in attributes:
        return [FieldError("data_base64", "cannot stand beside data: give one of them")]
    try:
        octets = b64decode(encoded, validate=True)
    except (TypeError, ValueError):
        return [FieldError("data_base64", "must be Base64 (RFC 4648), with its padding")]
    content_type = attributes.get("datacontenttype")
    if not octets or not (content_type is None or isinstance(content_type, str)):
        return []
    if not _is_readable(media_type(content_type)):
        return [FieldError("datacontenttype", NEITHER)]
    try:
        attributes["data"] = _data_of(octets, content_type)
    except BadRequest:
        return [FieldError("data_base64", "must stand for JSON, which datacontenttype says it is")]
    except Invalid as problem:
        return [
            one if one.field == "datacontenttype" else FieldError("data_base64", one.message)
            for one in problem.errors
        ]
    return []


def _data_of(body: bytes, content_type: str | None) -> Any:
    """Raises `Invalid` that names `data` or `datacontenttype`, and as `decode_json`."""
    media = media_type(content_type)
    if not _is_readable(media):
        raise invalid([FieldError("data", "must be JSON or text")])
    if not is_utf8(content_type or JSON):
        raise invalid([FieldError("datacontenttype", "must not name another charset than UTF-8")])
    if _is_json(media):
        body = without_bom(body)
        decode_json(body)
        return msgspec.Raw(compact(body))
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise invalid([FieldError("data", "must be UTF-8 text")]) from None


def _is_readable(media: str) -> bool:
    return _is_json(media) or media.startswith("text/")


def _is_json(media: str) -> bool:
    return media in (JSON, "text/json") or media.endswith("+json")


def _header_text(value: bytes) -> str:
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        value = value[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise BadRequest("A ce- header is not percent-encoded UTF-8.") from None


def amqp_text(value: object) -> str:
    """The value of an AMQP header, as text."""
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.isoformat()
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
