"""What is wrong with a value, in our words: what it must be, never what was given.

The library finds what is wrong; its own sentences are written for who wrote the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TIME_WORDS = "must be a time with its offset, such as 2026-01-31T12:00:00Z"
ID_WORDS = "must be 1 to 128 of A-Z a-z 0-9 . _ : @ -"
UUID_WORDS = "must be a UUID, such as 0197c3f2-6d8e-7cc0-9a51-3b0f4f6f2a10"

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
    ("uuid_", UUID_WORDS),
    ("dict_", "must be an object"),
    ("model_", "must be an object"),
    ("url_", "must be a URL, such as https://shop.example/orders/7"),
)
PATTERNS: dict[str, str] = {}
"""What strings of a pattern are, by the pattern; filled by who defines one (`described`)."""


def described(pattern: str, words: str) -> str:
    """Register the message for strings that do not match the pattern; return the pattern."""
    PATTERNS[pattern] = words
    return pattern


def words_of(error: Mapping[str, Any]) -> str:
    """The message for one error of the library, to follow the name of the field."""
    kind = str(error["type"])
    if kind in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, ")
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
