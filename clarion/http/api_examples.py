"""Descriptions of parameters and examples of bodies, put into an OpenAPI document.

They stand in a JSON file of each service: `parameters` by name, `schemas` by the name of a
component, `operations` by operation id where a call takes or gives something of its own. What an
example leaves out and its schema requires is filled in, so that a new field needs no new example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, cast

import msgspec

from clarion.http.problems import CONTENT_TYPE, PROBLEM_SCHEMA

Json = dict[str, Any]

FILE = "examples.json"
PROBLEM = "Problem"
REFERENCE = "#/components/schemas/"
METHODS = frozenset({"get", "put", "post", "delete", "patch"})
MOMENT = "2026-01-31T12:00:00.000000Z"
IDENTIFIER = "019c13a5-7a00-7c3e-8f51-0a6b5e1d2c3f"
PLAIN: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}
FORMATS = {"date-time": MOMENT, "uuid": IDENTIFIER}


class ParameterNotes(msgspec.Struct, forbid_unknown_fields=True):
    """Descriptions of parameters, by name."""

    description: str
    example: Any = msgspec.UNSET


class OperationNotes(msgspec.Struct, forbid_unknown_fields=True):
    """What one call takes and gives: named request bodies by content type, answers by status."""

    request: dict[str, dict[str, Any]] = {}
    response: dict[str, Any] = {}


class ApiExamples(msgspec.Struct, forbid_unknown_fields=True):
    """The file of one service."""

    parameters: dict[str, ParameterNotes] = {}
    schemas: dict[str, Any] = {}
    operations: dict[str, OperationNotes] = {}


def read_examples(package: str) -> ApiExamples:
    """Those of a service."""
    return msgspec.json.decode((files(package) / FILE).read_bytes(), type=ApiExamples)


def operations_of(document: Json) -> Iterator[Json]:
    """Each operation; HEAD says nothing of its own."""
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in METHODS)


def add_examples(document: Json, notes: ApiExamples) -> Json:
    """The document with what `notes` know; it is changed in place."""
    document["components"]["schemas"][PROBLEM] = PROBLEM_SCHEMA
    builder = _Builder(document["components"]["schemas"], notes.schemas)
    for operation in operations_of(document):
        own = notes.operations.get(operation["operationId"], OperationNotes())
        operation["tags"] = operation["tags"][-1:]  # a call is shown once
        for parameter in operation.get("parameters", ()):
            _describe(parameter, notes.parameters)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            named = own.request.get(kind)
            if named is not None:
                content["examples"] = {name: {"value": one} for name, one in named.items()}
            else:
                content["example"] = builder.example(content["schema"])
        for status, answer in operation["responses"].items():
            _refer_to_problem(answer)
            for content in answer.get("content", {}).values() if status < "300" else ():
                given = own.response.get(status, msgspec.UNSET)
                content.setdefault("example", builder.example(content["schema"], given))
    return document


def _refer_to_problem(answer: Json) -> None:
    """Every refusal is of one schema, which is written out once."""
    content = answer.get("content", {}).get(CONTENT_TYPE)
    if content is not None:
        answer["content"] = {CONTENT_TYPE: {"schema": {"$ref": REFERENCE + PROBLEM}}}


def _describe(parameter: Json, notes: Mapping[str, ParameterNotes]) -> None:
    known = notes.get(parameter["name"])
    if known is None:
        return
    parameter.setdefault("description", known.description)
    if known.example is not msgspec.UNSET:
        parameter.setdefault("example", known.example)


class _Builder:
    """Examples of schemas; those of components are given."""

    def __init__(self, components: Mapping[str, Json], given: Mapping[str, Any]) -> None:
        self._components = components
        self._given = given

    def example(self, schema: Json, given: Any = msgspec.UNSET) -> Any:
        """One value; `given` is taken, and filled in."""
        if given is msgspec.UNSET and "example" in schema:
            return schema["example"]
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            known = self._given.get(name, msgspec.UNSET) if given is msgspec.UNSET else given
            return self.example(self._components[name], known)
        if given is msgspec.UNSET and "default" in schema:
            return schema["default"]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._choice(schema, choices, given)
        if isinstance(given, dict):
            return self._filled(schema, cast("Json", given))
        if isinstance(given, list) and "items" in schema:
            return [self.example(schema["items"], one) for one in cast("list[Any]", given)]
        return self._plain(schema) if given is msgspec.UNSET else cast("Any", given)

    def _choice(self, schema: Json, choices: list[Json], given: Any) -> Any:
        if "properties" in schema and given is not msgspec.UNSET:
            return self._filled(schema, given)
        if given is not msgspec.UNSET:
            own = [one for one in choices if "$ref" in one] if given is not None else []
            return self.example(own[0], given) if len(own) == 1 else given
        return None if {"type": "null"} in choices else self.example(choices[0])

    def _filled(self, schema: Json, given: Json) -> Json:
        properties: Json = schema.get("properties", {})
        missing = [name for name in schema.get("required", ()) if name not in given]
        filled = {name: self.example(properties.get(name, {}), one) for name, one in given.items()}
        return filled | {name: self.example(properties.get(name, {})) for name in missing}

    def _plain(self, schema: Json) -> Any:
        if "const" in schema or "enum" in schema:
            return schema.get("const", *schema.get("enum", [None])[:1])
        kind: str = schema.get("type", "null")
        if kind == "object":
            return self._filled(schema, {})
        if kind == "array" and "items" in schema:
            return [self.example(schema["items"])]
        return FORMATS.get(schema.get("format", ""), PLAIN.get(kind))
