"""CloudEvents in every form, with every spelling of what Clarion adds."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.rabbitmq import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from msgspec import Raw

from clarion.contracts.cloudevents import (
    http_attributes,
    read_amqp,
    read_batch,
    read_binary,
    read_structured,
)
from clarion.contracts.event import Content, Event, Recipient
from clarion.errors import BadRequest, Invalid, Problem, UnsupportedMedia

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def structured(**more: Any) -> Event:
    parsed = read_structured(json.dumps(REQUIRED | more).encode())
    assert msgspec.json.decode(parsed.raw, type=Event) == parsed.event
    return parsed.event


def test_required_attributes_alone_make_an_event() -> None:
    assert structured() == Event(type="t", id="1", source="/s")


def test_extensions_become_fields() -> None:
    made = structured(
        to="user:1, topic:a",
        channels="inbox,email",
        category="news",
        lane="urgent",
        sendat="2026-11-20T12:00:00Z",
        expiresat="2026-11-21T12:00:00Z",
        title="Hi",
        body="there",
        url="/x",
        data=[1, None],
        subject="tolerated",
        otherextension=5,
        dataschema=None,
    )
    assert made == Event(
        type="t",
        id="1",
        source="/s",
        to=["user:1", "topic:a"],
        channels=["inbox", "email"],
        category="news",
        lane="urgent",
        send_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        expires_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        content=Content(title="Hi", body="there", url="/x"),
        data=Raw(b"[1,null]"),
    )


def test_structured_mode_takes_json_where_an_event_does() -> None:
    made = structured(
        to=[{"id": "1"}, "topic:a"],
        channels=["sms"],
        content={"title": "Hi"},
        send_at="2026-11-20T12:00:00Z",
    )
    assert made.to == [Recipient(id="1"), "topic:a"]
    assert (made.channels, made.content) == (["sms"], Content(title="Hi"))
    assert made.send_at == datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"specversion": "0.3"}, ["specversion"]),
        ({"id": None, "source": None, "type": None}, ["id", "source", "type"]),
        ({"data_base64": "AA=="}, ["data_base64"]),
        ({"data": "<a/>", "datacontenttype": "application/xml"}, ["datacontenttype"]),
        ({"datacontenttype": 5}, ["datacontenttype"]),
        ({"type": "not a type"}, ["type"]),
        ({"to": "bob"}, ["to"]),
        ({"body": "without a title"}, ["content.title"]),
        ({"data": "\0"}, ["data"]),
        ({"time": "yesterday"}, ["time"]),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_structured(json.dumps(REQUIRED | change).encode())
    assert [error.field for error in refused.value.errors] == fields


JSON_TYPES = ("application/json", "application/vnd.x+json", "Text/JSON; charset=UTF-8", None)
TEXT_TYPES = ("text/plain", "text/csv;charset=utf-8", 'text/html; charset="us-ascii"')


def in_base64(body: bytes, media: str | None, **more: Any) -> dict[str, Any]:
    named = {} if media is None else {"datacontenttype": media}
    return REQUIRED | named | {"data_base64": b64encode(body).decode()} | more


@pytest.mark.parametrize(
    ("media", "body"),
    [
        *((one, b' {"n": [1e22, -0.0, "\xc3\xa9"]} ') for one in JSON_TYPES),
        *((one, b'"text"') for one in JSON_TYPES),
        *((one, "{a: b} \u00fc".encode() if one != TEXT_TYPES[2] else b"a") for one in TEXT_TYPES),
        *((one, b"") for one in (*JSON_TYPES, *TEXT_TYPES)),
    ],
)
def test_data_in_base64_is_what_binary_mode_makes_of_it(media: str | None, body: bytes) -> None:
    event = in_base64(body, media)
    expected = read_binary(REQUIRED, media, body)
    assert read_structured(json.dumps(event).encode()) == expected
    assert read_batch(json.dumps([event]).encode()) == [expected]
    over_amqp = "application/cloudevents+json; charset=utf-8"
    assert read_amqp(json.dumps(event).encode(), over_amqp, {}) == expected


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (in_base64(b"{", None), ["data_base64"]),
        (in_base64(b"{", "application/x+json"), ["data_base64"]),
        (in_base64(b"[" * 40 + b"]" * 40, "application/json"), ["data_base64"]),
        (in_base64(b'{"a": ["\\u0000"]}', "application/json"), ["data_base64"]),
        (in_base64(b'"\\u0000"', "application/json"), ["data_base64"]),
        (in_base64(b'"\\ud800"', "application/json"), ["data_base64"]),
        (in_base64(b"\xff", "text/plain"), ["data_base64"]),
        (in_base64(b"\0", "text/plain"), ["data"]),
        (in_base64(b"1", None, data=1), ["data_base64"]),
        (in_base64(b"1", None, data_base64="MQ"), ["data_base64"]),
        (in_base64(b"1", None, data_base64="M Q=="), ["data_base64"]),
        (in_base64(b"1", None, data_base64="\u00fc==="), ["data_base64"]),
        (in_base64(b"1", None, data_base64=7), ["data_base64"]),
        (in_base64(b"1", "application/octet-stream"), ["datacontenttype"]),
        (in_base64(b"1", "text/plain; charset=iso-8859-1"), ["datacontenttype"]),
        (in_base64(b"1", "application/json; charset=utf-16"), ["datacontenttype"]),
        (in_base64(b"{", None, id=None), ["id", "data_base64"]),
    ],
)
def test_wrong_data_in_base64_is_named(event: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_structured(json.dumps(event).encode())
    assert [error.field for error in refused.value.errors] == fields
    with pytest.raises(Invalid) as refused:
        read_batch(json.dumps([REQUIRED, event]).encode())
    assert [error.field for error in refused.value.errors] == [f"[1].{one}" for one in fields]


def test_text_of_another_charset_is_refused_in_binary_mode() -> None:
    with pytest.raises(Invalid) as refused:
        read_amqp(
            b"\xe9", "text/plain; charset=latin-1", {f"ce-{k}": v for k, v in REQUIRED.items()}
        )
    assert [error.field for error in refused.value.errors] == ["datacontenttype"]


@pytest.mark.parametrize("media", ["application/json", "application/vnd.x+json", None])
def test_text_data_is_a_string_and_json_data_is_json(media: str | None) -> None:
    assert read_binary(REQUIRED, media, b'{"n":1}').event.data == Raw(b'{"n":1}')
    assert read_binary(REQUIRED, "text/plain; charset=utf-8", b'{"n":1}').event.data == Raw(
        rb'"{\"n\":1}"'
    )
    assert read_binary(REQUIRED, media, b"").event.data is msgspec.UNSET


@pytest.mark.parametrize(
    ("media", "body", "kind"),
    [
        ("application/octet-stream", b"x", Invalid),
        ("text/plain", b"\xff", Invalid),
        ("application/json", b"{", BadRequest),
        ("application/json", b'"\\ud800"', BadRequest),
        ("application/json", b"[" * 40 + b"]" * 40, Invalid),
    ],
)
def test_binary_data_that_is_no_json_is_refused(
    media: str, body: bytes, kind: type[Problem]
) -> None:
    with pytest.raises(kind):
        read_binary(REQUIRED, media, body)


def test_a_body_cannot_pose_as_attributes() -> None:
    posing = REQUIRED | {"content": "x", "data": "y", "data_base64": "z"}
    assert read_binary(posing, None, b"1").event == Event(
        type="t", id="1", source="/s", data=Raw(b"1")
    )


def test_http_headers_are_decoded() -> None:
    headers = [
        (b"ce-title", b"Gr%C3%BC%C3%9Fe%2C%20100%25"),
        (b"ce-body", b'"a \\"quoted\\" one"'),
        (b"host", b"x"),
    ]
    assert http_attributes(headers) == {"title": "Grüße, 100%", "body": 'a "quoted" one'}
    with pytest.raises(BadRequest):
        http_attributes([(b"ce-title", b"%ff")])


def test_a_batch_names_the_wrong_one() -> None:
    with pytest.raises(Invalid) as refused:
        read_batch(json.dumps([REQUIRED, REQUIRED | {"specversion": "2"}]).encode())
    assert [error.field for error in refused.value.errors] == ["[1].specversion"]


@pytest.mark.parametrize("convert", [to_structured_event, to_binary_event])
def test_the_official_sdk_is_understood_over_amqp(convert: Any) -> None:
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    attributes = {**REQUIRED, "to": "user:1", "time": moment, "datacontenttype": "application/json"}
    message = convert(CloudEvent(attributes, {"n": 1}))
    parsed = read_amqp(message.body, message.content_type, message.headers)
    assert parsed.event == Event(
        type="t", id="1", source="/s", to="user:1", time=moment, data=Raw(b'{"n":1}')
    )


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:", "cloudEvents_", "CE-"])
def test_every_prefix_of_amqp_headers_is_understood(prefix: str) -> None:
    values: dict[str, object] = {
        **REQUIRED,
        "id": b"1",
        "time": datetime(2026, 11, 20, 12),  # noqa: DTZ001  AMQP timestamps tell no zone
        "flag": True,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    parsed = read_amqp(b"1", None, {prefix + name: value for name, value in values.items()})
    assert parsed.event.time == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert (parsed.event.id, parsed.event.data) == ("1", Raw(b"1"))
    assert parsed.traceparent == values["traceparent"]


def test_a_plain_event_over_amqp_brings_its_id() -> None:
    raw = b'{"type":"t","id":"1"}'
    assert read_amqp(raw, "application/json", {}).raw == raw
    with pytest.raises(Invalid) as refused:
        read_amqp(b'{"type":"t"}', "application/json", {})
    assert [error.field for error in refused.value.errors] == ["id"]
    with pytest.raises(UnsupportedMedia):
        read_amqp(raw, "text/xml", {})
