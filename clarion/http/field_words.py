"""What is wrong with the fields of a request, each by its path and in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from fastapi import Request
from fastapi.params import Query
from pydantic import BaseModel

from clarion.contracts.error_words import words_of
from clarion.contracts.unknown_fields import unknown
from clarion.contracts.values import PLAIN_NAME
from clarion.errors import FieldError

MAX_FIELD_CHARACTERS = 200
LOCATIONS = ("body", "query", "path", "header")


def faults_of(request: Request, errors: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Each error of the framework as the field and what is wrong with it."""
    return [FieldError(field_path(one["loc"]), words_for(request, one)) for one in errors]


def words_for(request: Request, error: Mapping[str, Any]) -> str:
    """What is wrong, after the name of the field."""
    kind, location = str(error["type"]), error["loc"]
    if kind == "extra_forbidden":
        known = _known_names(request, location[:-1])
        return unknown(str(location[-1]), known, _called(location))
    if kind == "missing" and tuple(location) == ("body",):
        return "is required: send a JSON object"
    return words_of(error)


def field_path(location: Sequence[str | int]) -> str:
    """`("body", "to", 1, "id")` as `to[1].id`; a name that is not plain reads `?`."""
    parts = list(location)
    if len(parts) > 1 and parts[0] in LOCATIONS:
        parts = parts[1:]
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part if _is_plain(part) else '?'}"
        for part in parts
    )
    return path.removeprefix(".")[:MAX_FIELD_CHARACTERS]


def _is_plain(name: str) -> bool:
    return PLAIN_NAME.match(name) is not None


def _called(location: Sequence[str | int]) -> str:
    return "parameter" if location[0] == "query" else "field"


def _known_names(request: Request, location: Sequence[str | int]) -> list[str]:
    """The fields of the object at this place, as far as the route's annotations tell."""
    names: dict[str, None] = {}
    for model in _models(request, is_query=location[0] == "query"):
        inner: type[BaseModel] | None = model
        for part in location[1:]:
            if inner is not None and isinstance(part, str) and part in inner.model_fields:
                inner = next(_models_in(inner.model_fields[part].annotation), None)
        if inner is not None:
            names |= dict.fromkeys(inner.model_fields)
    return list(names)


def _models(request: Request, *, is_query: bool) -> Iterator[type[BaseModel]]:
    endpoint = request.scope.get("endpoint")
    hints = get_type_hints(endpoint, include_extras=True) if callable(endpoint) else {}
    for name, hint in hints.items():
        marked = any(isinstance(one, Query) for one in getattr(hint, "__metadata__", ()))
        if name != "return" and marked == is_query:
            yield from _models_in(hint)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, list):
        for part in get_args(annotation):
            yield from _models_in(part)
