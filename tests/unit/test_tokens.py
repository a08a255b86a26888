"""Subscriber tokens: what holds, and what does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import jwt
import pytest

from clarion.errors import ConfigurationError, Unauthorized
from clarion.tokens.api_keys import hash_api_key, hint_of, is_api_key, new_api_key
from clarion.tokens.jwks import open_verifier
from clarion.tokens.subscriber import SecretVerifier, SubscriberToken, mint_token

SECRET = "s" * 32
NOW = 1_800_000_000.0
VERIFIER = SecretVerifier(SECRET, clock=lambda: NOW)
GOOD: Mapping[str, object] = {
    "aud": "clarion",
    "sub": "ada",
    "tenant": "acme",
    "iat": NOW,
    "exp": NOW + 60,
}


def signed(claims: Mapping[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(claims), secret, algorithm=algorithm)


def unsigned(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    parts = (json.dumps(part).encode() for part in (dict(header), dict(claims)))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


async def code_of(token: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        await VERIFIER.verify(token)
    return caught.value.code


async def test_a_minted_token_says_who_one_is() -> None:
    token, expires_at = mint_token(
        SECRET, tenant="acme", subscriber="ada", ttl_s=60, publish=["room:1"], now=NOW
    )
    read = await VERIFIER.verify(token)
    assert read.jti is not None
    assert expires_at == datetime.fromtimestamp(NOW + 60, UTC)
    assert read == SubscriberToken("acme", "ada", NOW, NOW + 60, read.jti, ("room:1",))


async def test_a_token_ends_at_its_second() -> None:
    token = signed(GOOD)
    just_before = SecretVerifier(SECRET, clock=lambda: NOW + 59.9)
    assert (await just_before.verify(token)).expires_at == NOW + 60
    at_the_end = SecretVerifier(SECRET, clock=lambda: NOW + 60)
    with pytest.raises(Unauthorized) as caught:
        await at_the_end.verify(token)
    assert caught.value.code == "token_expired"


async def test_no_token_is_missing() -> None:
    assert await code_of("") == "token_missing"


@pytest.mark.parametrize("name", ["exp", "aud", "sub", "tenant"])
async def test_a_required_claim_may_not_be_left_out(name: str) -> None:
    claims = {key: value for key, value in GOOD.items() if key != name}
    assert await code_of(signed(claims)) == "token_invalid"


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "other"},
        {"aud": ["a", "b"]},
        {"sub": "a/b"},
        {"sub": ""},
        {"sub": "ada\n"},
        {"sub": 7},
        {"tenant": "a b"},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": NOW + 367 * 86_400},
        {"iat": 0, "exp": NOW + 367 * 86_400},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"publish": "room:1"},
        {"jti": 5},
    ],
)
async def test_a_claim_that_is_wrong_is_refused(wrong: dict[str, object]) -> None:
    assert await code_of(signed({**GOOD, **wrong})) == "token_invalid"


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "None", "typ": "JWT"}, {}])
async def test_a_token_without_signature_is_refused(header: dict[str, object]) -> None:
    assert await code_of(unsigned(header, GOOD)) == "token_invalid"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_the_algorithm_is_not_the_tokens_choice(algorithm: str) -> None:
    long = "s" * 64
    verifier = SecretVerifier(long, clock=lambda: NOW)
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(GOOD, long, algorithm))


@pytest.mark.parametrize("token", ["x", "a.b.c", "é.ü.ß", ".." * 9, "\0", "a." * 5000, "…"])
async def test_rubbish_is_no_token(token: str) -> None:
    assert await code_of(token) == "token_invalid"


async def test_another_secret_signs_nothing_for_us() -> None:
    assert await code_of(signed(GOOD, "t" * 32)) == "token_invalid"


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "ssh-rsa " + "A" * 64,
    ],
)
def test_a_public_key_is_no_secret(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="give a secret"):
        open_verifier(secret=secret, jwks_url=None)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 32 bytes"):
        open_verifier(secret="short", jwks_url=None)
    with pytest.raises(ConfigurationError, match="at least 32 bytes"):
        mint_token("short", tenant="acme", subscriber="ada", ttl_s=60)


def test_without_secret_and_keys_nothing_can_be_checked() -> None:
    with pytest.raises(ConfigurationError, match="CLARION_TOKEN_SECRET"):
        open_verifier(secret=None, jwks_url=None)


def test_api_keys_have_a_form_and_a_hash() -> None:
    key = new_api_key()
    assert is_api_key(key)
    assert key != new_api_key()
    assert len(hash_api_key(key)) == 32
    assert hint_of(key) == f"clr_...{key[-4:]}"
    assert [
        text for text in ("clr_short", key + "\n", key[4:], key + "-") if is_api_key(text)
    ] == []


def test_tokens_of_the_secret_before_hold_while_secrets_are_changed() -> None:
    old, new, other = "o" * 32, "n" * 32, "f" * 32
    verifier = SecretVerifier(new, old)
    for secret in (old, new):
        token, _ = mint_token(secret, tenant="acme", subscriber="ada", ttl_s=60)
        assert verifier.verify_now(token).subscriber == "ada"
    expired, _ = mint_token(new, tenant="acme", subscriber="ada", ttl_s=10)
    late = SecretVerifier(new, old, clock=lambda: time.time() + 3600)
    with pytest.raises(Unauthorized) as too_late:
        late.verify_now(expired)
    assert too_late.value.code == "token_expired"
    forged, _ = mint_token(other, tenant="acme", subscriber="ada", ttl_s=60)
    with pytest.raises(Unauthorized) as refused:
        verifier.verify_now(forged)
    assert refused.value.code == "token_invalid"
