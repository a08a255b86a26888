"""The own check of HS256 and PyJWT's say the same of every token, signed or forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarion.errors import Unauthorized
from clarion.tokens.hs256 import PLAIN_HEADERS, signed_payload
from clarion.tokens.subscriber import SecretVerifier, SubscriberToken, mint_token, read_token

SECRET = "s" * 32
NOW = 1_800_000_000.0
VERIFIER = SecretVerifier(SECRET, clock=lambda: NOW)
GOOD: dict[str, object] = {"aud": "clarion", "sub": "ada", "tenant": "acme", "exp": NOW + 60}
MINTED, _ = mint_token(SECRET, tenant="acme", subscriber="ada", ttl_s=60, now=NOW)

Said = SubscriberToken | str

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["clarion", "ada", NOW - 1, NOW + 1, NOW + 3600, str(NOW)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
names = st.sampled_from(["aud", "sub", "tenant", "exp", "iat", "nbf", "jti", "publish", "iss", "x"])
headers = st.sampled_from(
    [
        b'{"alg":"HS256","typ":"JWT"}',
        b'{"typ":"JWT","alg":"HS256"}',
        b'{"alg":"HS256"}',
        b'{"alg":"HS256","typ":"JWT","kid":"a"}',
        b'{"alg":"HS256","typ":"JWT","kid":7}',
        b'{"alg":"HS256","typ":"JWT","crit":["x"],"x":1}',
        b'{"alg":"HS256","typ":"JWT","jku":"https://evil.example"}',
        b'{"alg":"HS512","typ":"JWT"}',
        b'{"alg":"none","typ":"JWT"}',
        b'{"alg":"none","typ":"JWT","alg":"HS256"}',
        b'{ "alg":"HS256","typ":"JWT"}',
    ]
)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: bytes, payload: bytes, *, padded: bool = False) -> str:
    segment = base64.urlsafe_b64encode(payload).decode()
    head = f"{base64url(header)}.{segment if padded else segment.rstrip('=')}"
    return f"{head}.{base64url(hmac.digest(SECRET.encode(), head.encode(), hashlib.sha256))}"


def ours(token: str) -> Said:
    try:
        return VERIFIER.verify_now(token)
    except Unauthorized as error:
        return error.code


def pyjwts(token: str) -> Said:
    try:
        return read_token(token, SECRET.encode(), "HS256", NOW)
    except Unauthorized as error:
        return error.code


def test_a_minted_token_takes_the_own_check() -> None:
    assert MINTED.startswith(PLAIN_HEADERS)
    assert signed_payload(MINTED, SECRET.encode()) is not None
    assert ours(MINTED) == pyjwts(MINTED) == VERIFIER.verify_now(MINTED)


@given(
    header=headers,
    changes=st.dictionaries(names, values, max_size=3),
    left_out=st.sets(names, max_size=1),
    padded=st.booleans(),
)
@example(header=b'{"alg":"HS256","typ":"JWT"}', changes={"jti": None}, left_out=set(), padded=False)
@example(
    header=b'{"alg":"HS256","typ":"JWT"}',
    changes={"aud": ["x", "clarion"]},
    left_out=set(),
    padded=True,
)
def test_both_say_the_same_of_any_signed_claims(
    header: bytes, changes: dict[str, object], left_out: set[str], padded: bool
) -> None:
    claims = {**GOOD, **changes}
    payload = {name: value for name, value in claims.items() if name not in left_out}
    token = signed(header, json.dumps(payload).encode(), padded=padded)
    assert ours(token) == pyjwts(token)


@given(payload=st.binary(max_size=64) | st.text(max_size=32).map(str.encode))
@example(payload=b'{"aud":"clarion","sub":"ada","tenant":"acme","exp":1800000060,"x":NaN}')
@example(payload=b'{"aud":"clarion","sub":"ada","tenant":"acme","exp":1,"exp":1800000060}')
@example(payload=b'{"aud":"clarion","sub":"ada","tenant":"acme","exp":1800000060,"x":"\xff"}')
@example(payload=b"[" * 4000)
@example(payload=b"[1]")
def test_both_say_the_same_of_any_signed_bytes(payload: bytes) -> None:
    token = signed(b'{"alg":"HS256","typ":"JWT"}', payload)
    assert ours(token) == pyjwts(token)


@given(
    at=st.integers(0, len(MINTED)),
    drop=st.integers(0, 3),
    insert=st.text(max_size=3) | st.sampled_from(["=", "==", ".", "A", "-", "\n"]),
)
@example(at=len(MINTED), drop=0, insert="=")
@example(at=len(MINTED) - 1, drop=1, insert="B")
def test_both_say_the_same_of_any_mutation(at: int, drop: int, insert: str) -> None:
    token = MINTED[:at] + insert + MINTED[at + drop :]
    assert ours(token) == pyjwts(token)
    if token != MINTED:
        # a signature with its padding is the same signature
        assert ours(token) == "token_invalid" or token == MINTED + "="


@pytest.mark.parametrize("position", range(MINTED.rindex(".") + 1, len(MINTED)))
def test_every_character_of_the_signature_counts(position: int) -> None:
    other = "A" if MINTED[position] != "A" else "E"
    assert ours(MINTED[:position] + other + MINTED[position + 1 :]) == "token_invalid"
