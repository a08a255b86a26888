"""The demo page's API key: it is valid while `clarion dev` runs, and is never stored.

It is made of the token secret, so that a page that stays open over a restart goes on working.
"""

from __future__ import annotations

import hashlib
import hmac

from clarion.tokens.api_keys import KEY_LENGTH, KEY_PREFIX, ApiKey

PURPOSE = b"clarion demo page"
KEY = ApiKey(
    id="demo-page",
    tenant="default",
    name="demo page",
    scopes=frozenset({"events:write", "tokens:write", "history:read"}),
)


def demo_key_of(token_secret: str) -> str:
    """The key, for the fragment of the page's address."""
    digest = hmac.digest(token_secret.encode(), PURPOSE, hashlib.sha256)
    return KEY_PREFIX + digest.hex()[:KEY_LENGTH]
