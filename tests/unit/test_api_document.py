"""The OpenAPI document of gateway and pusher: stable ids, described parameters, true examples."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from clarion.http.api_examples import METHODS, read_examples
from clarion.http.merged_document import DocumentsDisagree, merged, read_merged
from clarion.http.operation_ids import id_of
from clarion.http.viewer.assets import PACKED, assets, page_of
from services.cli import api_document
from tests.support.sources import ROOT

PINNED = (ROOT / "tests" / "unit" / "operation_ids.txt").read_text().splitlines()
DOCUMENT = api_document.shared_document()
SERVICES = ("services.gateway", "services.pusher")
STATIC = ROOT / "clarion" / "http" / "viewer" / "static"
PACKAGE = ROOT / "node_modules" / "swagger-ui-dist"

Json = dict[str, Any]


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def contents() -> Iterator[tuple[str, Json]]:
    """Each body that is taken, or given with success, by its place."""
    for method, path, operation in operations():
        for kind, one in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{method} {path} takes {kind}", one
        for status, answer in operation["responses"].items():
            for kind, one in answer.get("content", {}).items() if status < "300" else ():
                yield f"{method} {path} gives {status} {kind}", one


def faults_of(value: object, schema: Json) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    validator: Any = Draft202012Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def test_the_shipped_document_is_that_of_the_services() -> None:
    assert read_merged() == json.loads(api_document.text_of(DOCUMENT)), "run: make schemas"


def test_operation_ids_are_pinned() -> None:
    """A client that was generated calls by these: an id that changes breaks it."""
    found = [f"{one['operationId']} {method} {path}" for method, path, one in operations()]
    assert sorted(found) == sorted(PINNED)
    ids = [one["operationId"] for _, _, one in operations()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/events/{event_id:path}", "get_event"),
        ("POST", "/v1/events/{event_id:path}/cancel", "post_event_cancel"),
        ("PUT", "/v1/topics/{topic_id}/subscribers/{subscriber_id}", "put_topic_subscriber"),
        ("GET", "/v1/parked/{parked_id}", "get_parked_by_id"),
        ("GET", "/v1/live/sse", "get_live_sse"),
        ("GET", "/v1/quiet-hours", "get_quiet_hours"),
    ],
)
def test_an_id_is_the_method_and_the_path(method: str, path: str, expected: str) -> None:
    assert id_of(method, path) == expected


def test_every_operation_has_a_summary_and_every_parameter_a_description() -> None:
    bare = [
        f"{method} {path}: {parameter['name']}"
        for method, path, operation in operations()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description", "").strip()
    ]
    assert bare == []
    assert [path for _, path, one in operations() if not one.get("summary")] == []


def test_every_body_has_examples_that_its_schema_allows() -> None:
    wrong: dict[str, object] = {}
    for place, content in contents():
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        faults = [fault for one in examples for fault in faults_of(one, content["schema"])]
        if not examples or faults or not content["schema"]:
            wrong[place] = faults or "has none, or no schema"
    assert wrong == {}
    assert len(list(contents())) > 40


def test_parameters_have_examples_that_their_schemas_allow() -> None:
    wrong = {
        f"{path} {parameter['name']}": faults
        for _, path, operation in operations()
        for parameter in operation.get("parameters", ())
        if "example" in parameter
        and (faults := faults_of(parameter["example"], parameter["schema"]))
    }
    assert wrong == {}


@pytest.mark.parametrize("package", SERVICES)
def test_no_example_is_left_over(package: str) -> None:
    notes = read_examples(package)
    ids = {one["operationId"] for _, _, one in operations()}
    assert set(notes.operations) - ids == set()
    assert set(notes.schemas) - set(DOCUMENT["components"]["schemas"]) == set()


def test_references_lead_somewhere() -> None:
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert wanted - set(DOCUMENT["components"]["schemas"]) == set()


def test_two_documents_may_not_disagree() -> None:
    one: Json = {"paths": {"/a": {}}, "components": {"schemas": {"A": {"type": "string"}}}}
    other: Json = {"paths": {"/b": {}}, "components": {"schemas": {"A": {"type": "integer"}}}}
    with pytest.raises(DocumentsDisagree, match="A"):
        merged([one, other], {})
    with pytest.raises(DocumentsDisagree, match="/a"):
        merged([one, one], {})


def test_documents_of_services_know_every_method() -> None:
    assert {method.lower() for method, _, _ in operations()} <= METHODS


def test_the_viewer_is_what_the_lock_pins() -> None:
    lines = (STATIC / "CHECKSUMS").read_text().splitlines()
    written = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines[1:])}
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert f"swagger-ui-dist {locked['node_modules/swagger-ui-dist']['version']}," in lines[0]
    for name, checksum in written.items():
        content = assets()[name].unpacked()
        assert hashlib.sha256(content).hexdigest() == checksum, "run: python scripts/viewer.py"
        if PACKAGE.exists():
            assert content == (PACKAGE / name).read_bytes(), name
    assert set(written) >= {*PACKED, "LICENSE", "NOTICE"}
    assert all(gzip.decompress((STATIC / f"{name}.gz").read_bytes()) for name in PACKED)


def test_the_page_names_nothing_outside_and_nothing_from_the_root() -> None:
    page = page_of("openapi.json").decode()
    places = re.findall(r'(?:src|href|data-document)="([^"]*)"', page)
    assert len(places) >= 5
    assert [one for one in places if one.startswith("/") or "//" in one] == []
    assert "{" not in page
    assert not re.search(r"<script>|<style|style=| on\w+=", page)
