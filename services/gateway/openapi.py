"""The OpenAPI document, with `POST /v1/events`, which is outside the FastAPI app."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from clarion.contracts.cloudevents import BATCHED, STRUCTURED
from clarion.contracts.event import MAX_EVENTS, Event
from clarion.http.api_examples import add_examples, read_examples
from clarion.http.methods import with_heads
from clarion.http.problems import PROBLEM_SCHEMA, problem_responses
from services.gateway.admin.schemas import NO_NUL
from services.gateway.ingest.request_parser import PARTIAL

REF = "#/components/schemas/{name}"
REFUSALS = (400, 401, 403, 405, 408, 413, 415, 422, 429, 503)


def install_openapi(app: FastAPI) -> None:
    """Add the accept path to `app.openapi()`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    (event,), schemas = msgspec.json.schema_components([Event], ref_template=REF)
    made["components"]["schemas"] |= {name: _portable(one) for name, one in schemas.items()}
    made["components"]["schemas"]["CloudEvent"] = CLOUD_EVENT
    made["components"]["schemas"]["Accepted"] = ACCEPTED
    made["components"]["schemas"]["Outcomes"] = OUTCOMES
    for path, operations in made["paths"].items():
        for operation in operations.values() if path.startswith("/v1/") else ():
            bounds = problem_responses(*((408, 429) if "requestBody" in operation else (429,)))
            for status, one in bounds.items():
                operation["responses"].setdefault(str(status), one)
    made["paths"]["/v1/events"] = {"post": _post_events(event)}
    return with_heads(add_examples(made, read_examples("services.gateway")))


def _post_events(event: dict[str, Any]) -> dict[str, Any]:
    cloud_event = {"$ref": REF.format(name="CloudEvent")}
    return {
        "tags": ["events"],
        "operationId": "post_events",
        "summary": "Accept one event, or an array of up to 1,000, all or none",
        "description": (
            "202 means that the broker has stored all of them. A CloudEvent in binary mode "
            "(`ce-` headers, any JSON as the body) is accepted too. After a 503 the same request "
            "may be sent again: an event with an id counts once."
        ),
        "security": [{"apiKey": []}],
        "parameters": [PARTIAL_PARAMETER, IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [event, _array_of(event)]}},
                STRUCTURED: {"schema": cloud_event},
                BATCHED: {"schema": _array_of(cloud_event)},
            },
        },
        "responses": {
            "207": {
                "description": "With `?partial=true`: an outcome for each event, in order",
                "content": {"application/json": {"schema": {"$ref": REF.format(name="Outcomes")}}},
            },
            "202": {
                "description": "Stored",
                "content": {"application/json": {"schema": {"$ref": REF.format(name="Accepted")}}},
            },
            **{str(status): one for status, one in problem_responses(*REFUSALS).items()},
        },
    }


def _array_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_EVENTS}


def _portable(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON schemas use `$` where Python uses `\\Z`."""
    return msgspec.json.decode(msgspec.json.encode(schema).replace(b'\\\\Z"', b'$"'))


IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Alternative to `id` for a single event",
    "schema": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": NO_NUL},
}

PARTIAL_PARAMETER: dict[str, Any] = {
    "name": PARTIAL,
    "in": "query",
    "required": False,
    "description": "Accept the valid events of an array, with an outcome for each",
    "schema": {"type": "boolean", "default": False},
}

OUTCOMES: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "items"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0, "maximum": MAX_EVENTS},
        "items": {
            "type": "array",
            "description": "in the order given",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["id"],
                        "properties": {"id": {"type": "string"}},
                    },
                    {
                        "type": "object",
                        "required": ["code", "detail", "errors"],
                        "properties": {
                            name: PROBLEM_SCHEMA["properties"][name]
                            for name in ("code", "detail", "errors")
                        },
                    },
                ]
            },
        },
    },
}

ACCEPTED: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "ids"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 1, "maximum": MAX_EVENTS},
        "ids": {
            "type": "array",
            "items": {"type": "string"},
            "description": "in the order given; a UUIDv7 for an event without an id",
        },
    },
}

CLOUD_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0; unknown extensions are ignored",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 256},
        "type": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"},
        "time": {"type": ["string", "null"], "format": "date-time"},
        "data": {"description": "any JSON"},
        "to": {"description": "user:<id> or topic:<id>, comma-separated, or JSON as in an event"},
        "channels": {"description": "comma-separated, or a list"},
        "category": {"type": ["string", "null"]},
        "lane": {"enum": ["urgent", "normal", None]},
        "sendat": {"type": ["string", "null"], "format": "date-time"},
        "expiresat": {"type": ["string", "null"], "format": "date-time"},
        "title": {"type": ["string", "null"]},
        "body": {"type": ["string", "null"]},
        "url": {"type": ["string", "null"]},
        "content": {"type": ["object", "null"]},
        "traceparent": {"type": ["string", "null"]},
    },
}
