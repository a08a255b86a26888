"""The AsyncAPI document is that of the code, is valid, and leaves nothing out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast, get_args

import pytest
from jsonschema.validators import validator_for

from clarion.asyncapi import FILE, document_text
from clarion.contracts.frames import AnyClientFrame, AnyServerFrame
from clarion.topology import EXCHANGES
from tests.support.sources import ROOT

SPECIFICATION = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture(scope="module")
def committed() -> Any:
    return json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def specification() -> Any:
    schema: Any = json.loads(SPECIFICATION.read_text())
    return validator_for(schema)(schema)


def references(value: object) -> Iterator[str]:
    """Every `$ref` in it."""
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        if "$ref" in parts:
            yield str(parts["$ref"])
        value = list(parts.values())
    if isinstance(value, list):
        for part in cast("list[object]", value):
            yield from references(part)


def resolves(document: Any, reference: str) -> bool:
    """Whether a reference leads somewhere."""
    for name in reference.removeprefix("#/").split("/"):
        if name not in document:
            return False
        document = document[name]
    return True


def test_the_committed_document_is_that_of_the_code() -> None:
    assert FILE.read_text() == document_text(), "run `make schemas`"


def test_it_is_what_the_specification_asks_for(committed: Any, specification: Any) -> None:
    assert [error.message for error in specification.iter_errors(committed)] == []


def test_the_specification_would_notice(committed: Any, specification: Any) -> None:
    broken = committed | {"operations": {"dance": {"action": "dance"}}}
    assert not specification.is_valid(broken)


def test_every_reference_leads_somewhere(committed: Any) -> None:
    assert [one for one in set(references(committed)) if not resolves(committed, one)] == []


def test_every_frame_and_every_exchange_is_in_it(committed: Any) -> None:
    frames = {
        str(one.__struct_config__.tag)
        for union in (AnyClientFrame, AnyServerFrame)
        for one in get_args(union)
    }
    channels = committed["channels"]
    assert set(channels["live"]["messages"]) == frames
    exchanges = [
        one["bindings"]["amqp"]["exchange"] for name, one in channels.items() if name != "live"
    ]
    assert {(one["name"], one["type"]) for one in exchanges} == {
        (one.name, one.kind) for one in EXCHANGES
    }


def test_every_client_frame_has_its_answers(committed: Any) -> None:
    received = {
        name.removeprefix("receive_"): len(one["reply"]["messages"])
        for name, one in committed["operations"].items()
        if "reply" in one
    }
    assert set(received) == {str(one.__struct_config__.tag) for one in get_args(AnyClientFrame)}
    assert all(received.values())
