"""What is wrong with a field, in our words: what it must be, never what was sent.

The framework finds what is wrong; its own sentences are written for who wrote the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from fastapi import Request
from fastapi.params import Query
from pydantic import BaseModel

from clarion.contracts.unknown_fields import unknown
from clarion.contracts.values import PLAIN_NAME
from clarion.errors import FieldError

MAX_FIELD_CHARACTERS = 200
LOCATIONS = ("body", "query", "path", "header")
TIME_WORDS = "must be a time with its offset, such as 2026-01-31T12:00:00Z"
ID_WORDS = "must be 1 to 128 of A-Z a-z 0-9 . _ : @ -"

WORDS = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_unicode": "must be valid Unicode",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "finite_number": "must be a number, such as 50",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "none_required": "must be null",
}
FAMILIES = (
    ("int_", "must be a whole number, such as 50"),
    ("float_", "must be a number, such as 50"),
    ("decimal_", "must be a number, such as 50"),
    ("datetime_", TIME_WORDS),
    ("date_", TIME_WORDS),
    ("timezone_", TIME_WORDS),
    ("uuid_", "must be a UUID, such as 0197c3f2-6d8e-7cc0-9a51-3b0f4f6f2a10"),
    ("dict_", "must be an object"),
    ("model_", "must be an object"),
    ("url_", "must be a URL, such as https://shop.example/orders/7"),
)
PATTERNS: dict[str, str] = {}
"""What strings of a pattern are, by the pattern; filled by who defines one (`described`)."""


def described(pattern: str, words: str) -> str:
    """The pattern, after it is noted what is said where a string does not match it."""
    PATTERNS[pattern] = words
    return pattern


def faults_of(request: Request, errors: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Each error of the framework as the field and what is wrong with it."""
    return [FieldError(field_path(one["loc"]), words_for(request, one)) for one in errors]


def words_for(request: Request, error: Mapping[str, Any]) -> str:
    """What is wrong, after the name of the field."""
    kind, location = str(error["type"]), error["loc"]
    if kind == "extra_forbidden":
        known = _known_names(request, location[:-1])
        return unknown(str(location[-1]), known, _called(location))
    if kind in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "missing" and tuple(location) == ("body",):
        return "is required: send a JSON object"
    context: Mapping[str, Any] = error.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context.get("pattern")), "is not in the documented form")
    if kind in WORDS:
        expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return WORDS[kind].format_map({**context, "expected": expected})
    return next(
        (words for prefix, words in FAMILIES if kind.startswith(prefix)),
        "is not as documented",
    )


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
