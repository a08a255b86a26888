"""One OpenAPI document of several services that share an origin."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import msgspec

from clarion.errors import ClarionError

Json = dict[str, Any]

FILE = "openapi.json"
"""Package data, made by `python -m services.cli.api_document`."""
SHARED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Each service has these; at a shared origin the first one's are meant."""


class DocumentsDisagree(ClarionError):
    """Two documents say different things under one name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"Two services describe the {kind} {name}: rename one.")


def read_merged() -> Json:
    """The document of gateway and pusher."""
    return msgspec.json.decode((files("clarion.http") / FILE).read_bytes())


def merged(documents: Iterable[Json], info: Json) -> Json:
    """Without HEAD, which says nothing of its own. Raises `DocumentsDisagree`."""
    first, *others = documents
    paths: Json = dict(first["paths"])
    components = {kind: dict(found) for kind, found in first["components"].items()}
    for document in others:
        for path, operations in document["paths"].items():
            if path in paths and path not in SHARED_PATHS:
                raise DocumentsDisagree("path", path)
            paths.setdefault(path, operations)
        for kind, found in document["components"].items():
            _take(components.setdefault(kind, {}), found, kind)
    plain = {
        path: {method: one for method, one in operations.items() if method != "head"}
        for path, operations in paths.items()
    }
    tags = [tag for document in (first, *others) for tag in document.get("tags", ())]
    return first | {"info": info, "tags": tags, "paths": plain, "components": components}


def _take(known: Json, found: Json, kind: str) -> None:
    for name, one in found.items():
        if known.setdefault(name, one) != one:
            raise DocumentsDisagree(kind, name)
