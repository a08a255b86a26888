"""The tokens that Clarion's own gateway signs, checked without PyJWT's price.

Only the common form is judged here: one of two plain headers, byte for byte, and segments in
canonical base64url. Whatever else comes is `None`: "ask PyJWT", which knows every other form and
refuses what is none. So there is nothing in a header to interpret, and no token holds here that
PyJWT would refuse (`tests/unit/test_tokens.py` compares them, `bench/measures/token_check.py`
measures).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

PLAIN_HEADERS = tuple(
    urlsafe_b64encode(header).rstrip(b"=").decode() + "."
    for header in (b'{"alg":"HS256","typ":"JWT"}', b'{"typ":"JWT","alg":"HS256"}')
)
SIGNATURE_CHARACTERS = 43

_object = msgspec.json.Decoder(dict[str, Any])


class BadSignature(Exception):
    """The token was not signed with this key."""


def is_plain(token: str) -> bool:
    """Whether its header says HS256 and nothing else."""
    return token.startswith(PLAIN_HEADERS)


def signed_payload(token: str, key: bytes) -> dict[str, Any] | None:
    """The payload of a token of the common form, its signature checked; `None` for other forms.

    Nothing that the token says is read before its signature holds. Raises `BadSignature`, or
    `UnicodeEncodeError`.
    """
    if not is_plain(token):
        return None
    signed, _, signature = token.encode().rpartition(b".")
    if len(signature) != SIGNATURE_CHARACTERS:
        return None
    if not hmac.compare_digest(_base64url(hmac.digest(key, signed, "sha256")), signature):
        raise BadSignature
    return _payload(signed.partition(b".")[2])


def _payload(segment: bytes) -> dict[str, Any] | None:
    try:
        text = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
        return _object.decode(text) if _base64url(text) == segment else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
