"""API keys: what a service or an admin shows to the gateway. Only their hash is ever stored."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass

SCOPES: tuple[str, ...] = (
    "events:write",
    "history:read",
    "deliveries:write",
    "directory:write",
    "tokens:write",
    "admin",
)

KEY_PREFIX = "clr_"
KEY_LENGTH = 40
"""Random characters after the prefix; 40 of base 62 are 238 bits."""

_ALPHABET = string.ascii_letters + string.digits
_FORM = re.compile(r"clr_[0-9A-Za-z]{32,128}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key may do, and where; the key itself is not kept."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]


def new_api_key() -> str:
    """A new random key; shown once, then known by its hash only."""
    return KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))


def hash_api_key(key: str) -> bytes:
    """SHA-256: enough, because a key is random and long; looked up by equality of the hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def is_api_key(text: str) -> bool:
    """Whether it has the form of a key made here; `CLARION_API_KEY` may look otherwise."""
    return _FORM.fullmatch(text) is not None


def hint_of(key: str) -> str:
    """The part of a key that may always be shown: its prefix and last four characters."""
    return f"{KEY_PREFIX}...{key[-4:]}"
