"""The AsyncAPI 3 document: the live socket and the queues, from the contracts and the topology.

`python -m clarion.asyncapi` writes it to `docs/reference/asyncapi.json`; a test fails on drift.
Clarion is the application, so what it receives are client frames and events.
"""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec

from clarion.contracts.announcement import ANNOUNCEMENT_CONTENT_TYPE, Announcement
from clarion.contracts.cloudevents import STRUCTURED
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, Envelope
from clarion.contracts.event import CHANNELS, LANES
from clarion.contracts.frames import SUBPROTOCOL, AnyClientFrame, AnyServerFrame
from clarion.contracts.generate import portable
from clarion.contracts.job import JOBS_CONTENT_TYPE, Jobs
from clarion.contracts.revocation import REVOCATION_CONTENT_TYPE, Revocation
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.package_data import folder
from clarion.topology import DELIVERIES, EVENTS, LIVE, PARKED

FILE = folder("docs") / "reference" / "asyncapi.json"

Document = dict[str, Any]

ANSWERS = {
    "auth": ("ok", "error"),
    "hello": ("welcome", "notification", "caught_up", "error"),
    "ping": ("pong",),
    "ack": ("ok",),
}
"""What answers a client frame; a command, and `publish`, are answered by `ok` or `error`."""

UNASKED = ("notification", "changed", "reconnect")
"""Server frames that answer nothing."""

CLOUD_EVENT: Document = {
    "type": "object",
    "description": "A CloudEvent 1.0; `data` and the extensions are as an event's fields.",
    "required": ["specversion", "id", "source", "type"],
    "properties": {name: {"type": "string"} for name in ("specversion", "id", "source", "type")},
}


def document_text() -> str:
    """The document as it is committed."""
    return json.dumps(portable(document()), indent=2, ensure_ascii=False) + "\n"


def document() -> Document:
    """The whole document."""
    frames = {**named(AnyClientFrame), **named(AnyServerFrame)}
    schemas = components([*frames.values(), Envelope, Slice, Jobs, Announcement, Revocation])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clarion",
            "version": "1",
            "description": f"The live protocol `{SUBPROTOCOL}` and what travels on the broker.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "pusher": {"host": "localhost:8000", "protocol": "ws"},
            "broker": {"host": "localhost:5672", "protocol": "amqp", "protocolVersion": "0.9.1"},
        },
        "channels": {"live": live_channel(frames), **broker_channels()},
        "operations": {**live_operations(), **broker_operations()},
        "components": {
            "schemas": {**schemas, "CloudEvent": CLOUD_EVENT},
            "messages": {
                **{name: frame_message(name, frame) for name, frame in frames.items()},
                **queue_messages(),
            },
        },
    }


def named(union: Any) -> dict[str, Any]:
    """The frames of a union, by what their field `type` says."""
    return {str(frame.__struct_config__.tag): frame for frame in get_args(union)}


def components(kinds: list[Any]) -> Document:
    """The schemas of these types and of all that they hold."""
    _, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return found


def reference(*path: str) -> Document:
    """A JSON pointer within the document."""
    return {"$ref": "/".join(("#", *path))}


def frame_message(name: str, frame: Any) -> Document:
    """A frame of the socket."""
    summary = (frame.__doc__ or "").strip().partition("\n")[0]
    return message(name, frame.__name__, "application/json", summary)


def message(name: str, schema: str, content_type: str, summary: str) -> Document:
    """A message of this schema."""
    payload = reference("components", "schemas", schema)
    return {"name": name, "summary": summary, "contentType": content_type, "payload": payload}


def live_channel(frames: dict[str, Any]) -> Document:
    """The socket: all frames, both ways."""
    return {
        "address": "/v1/live",
        "title": "The live feed of one subscriber",
        "description": "See live-protocol.md, and close-codes.md for how it ends.",
        "servers": [reference("servers", "pusher")],
        "messages": {name: reference("components", "messages", name) for name in frames},
        "bindings": {"ws": {"method": "GET"}},
    }


def live_operations() -> Document:
    """One for each client frame with its answers, and one for what comes unasked."""
    channel = reference("channels", "live")
    found: Document = {
        f"receive_{name}": {
            "action": "receive",
            "channel": channel,
            "messages": [reference("channels", "live", "messages", name)],
            "reply": {
                "channel": channel,
                "messages": [
                    reference("channels", "live", "messages", answer)
                    for answer in ANSWERS.get(name, ("ok", "error"))
                ],
            },
        }
        for name in named(AnyClientFrame)
    }
    found["send_unasked"] = {
        "action": "send",
        "channel": channel,
        "messages": [reference("channels", "live", "messages", name) for name in UNASKED],
    }
    return found


def broker_channels() -> Document:
    """The exchanges; `address` is the routing key."""
    lanes = {"lane": {"enum": list(LANES)}}
    kinds = {"channel": {"enum": [one for one in CHANNELS if one != "inbox"]}}
    return {
        "events": exchange(EVENTS, "{lane}", lanes, "envelope", "cloud_event", "slice"),
        "deliveries": exchange(DELIVERIES, "{channel}.{lane}", {**kinds, **lanes}, "jobs"),
        "announcements": exchange(
            LIVE,
            "{key}",
            {"key": {"description": "the number of a shard, or `all`"}},
            "announcement",
            "revocation",
        ),
        "parked": exchange(PARKED, None, {}, "envelope", "cloud_event", "slice", "jobs"),
    }


def exchange(name: str, key: str | None, parameters: Document, *messages: str) -> Document:
    """One exchange; a fanout where there is no key."""
    found: Document = {
        "address": key,
        "title": name,
        "servers": [reference("servers", "broker")],
        "messages": {one: reference("components", "messages", one) for one in messages},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": name,
                    "type": "direct" if key else "fanout",
                    "durable": True,
                    "autoDelete": False,
                },
            }
        },
    }
    return {**found, "parameters": parameters} if parameters else found


def broker_operations() -> Document:
    """Who may publish what: anyone a CloudEvent, and Clarion's own services the rest."""
    return {
        "receive_events": operation("receive", "events"),
        "send_deliveries": operation("send", "deliveries"),
        "receive_deliveries": operation("receive", "deliveries"),
        "send_announcements": operation("send", "announcements"),
        "receive_parked": operation("receive", "parked"),
    }


def operation(action: str, channel: str) -> Document:
    """All messages of a channel in one direction."""
    return {"action": action, "channel": reference("channels", channel)}


def queue_messages() -> Document:
    """What travels on the broker."""
    return {
        "envelope": message(
            "envelope", "Envelope", ENVELOPE_CONTENT_TYPE, "Events accepted together."
        ),
        "cloud_event": message(
            "cloud_event", "CloudEvent", STRUCTURED, "One event, by anyone; or in binary mode."
        ),
        "slice": message("slice", "Slice", SLICE_CONTENT_TYPE, "Members of a large topic."),
        "jobs": message("jobs", "Jobs", JOBS_CONTENT_TYPE, "Deliveries that are due."),
        "announcement": message(
            "announcement",
            "Announcement",
            ANNOUNCEMENT_CONTENT_TYPE,
            "Frames for pushers; MessagePack, the schema shows the shape.",
        ),
        "revocation": message(
            "revocation",
            "Revocation",
            REVOCATION_CONTENT_TYPE,
            "Tokens that hold no longer; to every pusher.",
        ),
    }


def main() -> None:
    """Write the file."""
    FILE.write_text(document_text())


if __name__ == "__main__":
    main()
