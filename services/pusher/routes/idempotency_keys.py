"""The header `Idempotency-Key` of a command."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from clarion.contracts.frames import MAX_KEY_CHARACTERS
from clarion.errors import FieldError, Invalid
from services.pusher.inbox.keyed_commands import is_key

DESCRIPTION = (
    "Identifies the command: a repeat within ten minutes gets the first answer and is not applied "
    "again"
)
RULE = f"must be UTF-8 of 1 to {MAX_KEY_CHARACTERS} characters, none of them a control character"


async def idempotency_key(
    given: Annotated[str | None, Header(alias="Idempotency-Key", description=DESCRIPTION)] = None,
) -> str | None:
    """Quoted or bare. Raises `Invalid`."""
    if given is None:
        return None
    try:
        key = given.encode("latin-1").decode().strip()
    except UnicodeError:
        key = ""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not is_key(key):
        fault = FieldError("Idempotency-Key", RULE)
        raise Invalid("The Idempotency-Key is not valid.", errors=[fault])
    return key
