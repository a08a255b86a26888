"""The message for an unknown field: the known fields, and the likely intended one."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

MAX_COMPARED = 64
"""Characters; a longer name resembles none of ours."""


def unknown(name: str, known: Collection[str], what: str = "field") -> str:
    """The sentence after the field's name, which is not repeated."""
    if not known:
        return f"is not a {what}: there is none here"
    close = get_close_matches(name.lower(), known, n=1) if len(name) <= MAX_COMPARED else []
    hint = f"; did you mean {close[0]}?" if close else ""
    verb = "is" if len(known) == 1 else "are"
    return f"is not a {what}: there {verb} {', '.join(sorted(known))}{hint}"
