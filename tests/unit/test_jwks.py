"""Keys of another issuer, from a real HTTP server."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clarion.errors import ConfigurationError, Unauthorized, Unavailable
from clarion.tokens.jwks import JwksVerifier, open_verifier
from clarion.tokens.subscriber import mint_token

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
NOW = 1_800_000_000.0
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


@dataclass
class Issuer:
    """What the server answers, and how often it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"keys": []}'
    fetches: int = 0
    now: float = NOW
    keys: dict[str, PrivateKey] = field(default_factory=dict[str, PrivateKey])

    def publish(self, **keys: PrivateKey) -> None:
        self.keys.update(keys)
        self.body = json.dumps({"keys": [jwk(key, kid) for kid, key in keys.items()]}).encode()

    def token(self, kid: str | None, key: PrivateKey | None = None, **claims: object) -> str:
        headers = {"jku": "https://evil.example/keys"} | ({} if kid is None else {"kid": kid})
        signer = key or self.keys[kid or ""]
        payload = {"aud": "clarion", "sub": "ada", "tenant": "acme", "exp": NOW + 9999, **claims}
        return jwt.encode(payload, signer, algorithm=algorithm_of(signer), headers=headers)

    def verifier(self) -> JwksVerifier:
        return JwksVerifier(self.url, clock=lambda: self.now)


def algorithm_of(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"


def jwk(key: PrivateKey, kid: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name(algorithm_of(key))
    public = cast("Any", algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig"}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.fetches += 1
            self.send_response(made.status)
            self.send_header("content-length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/keys"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RS256", "ES256", "EdDSA"])
async def test_the_kind_of_key_fixes_the_algorithm(issuer: Issuer, key: PrivateKey) -> None:
    issuer.publish(a=key)
    read = await issuer.verifier().verify(issuer.token("a"))
    assert (read.tenant, read.subscriber) == ("acme", "ada")


async def test_old_and_new_keys_hold_while_the_issuer_rotates(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    issuer.publish(old=RSA)
    old = issuer.token("old")
    await verifier.verify(old)
    issuer.publish(old=RSA, new=EC)
    issuer.now += 31
    new = issuer.token("new")
    assert (await verifier.verify(new)).subscriber == "ada"
    assert (await verifier.verify(old)).subscriber == "ada"
    assert issuer.fetches == 2


async def test_unknown_keys_cause_one_fetch_in_thirty_seconds(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    issuer.publish(a=RSA)
    await verifier.verify(issuer.token("a"))
    for number in range(50):
        with pytest.raises(Unauthorized):
            await verifier.verify(issuer.token(f"unknown-{number}", EC))
    assert issuer.fetches == 1
    issuer.now += 30
    with pytest.raises(Unauthorized):
        await verifier.verify(issuer.token("unknown", EC))
    assert issuer.fetches == 2


async def test_a_key_that_was_withdrawn_ends_with_the_cache(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    issuer.publish(old=RSA)
    token = issuer.token("old")
    await verifier.verify(token)
    issuer.publish(new=EC)
    issuer.now += 301
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_known_keys_outlive_an_issuer_that_is_away(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    issuer.publish(a=RSA)
    token = issuer.token("a")
    await verifier.verify(token)
    issuer.status = 500
    issuer.now += 1000
    assert (await verifier.verify(token)).subscriber == "ada"
    issuer.now += 3000
    with pytest.raises(Unavailable):
        await verifier.verify(token)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [7]}', b"x" * 300_000]
)
async def test_what_is_no_key_set_gives_no_keys(issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    with pytest.raises(Unavailable):
        await issuer.verifier().verify(issuer.token("a", RSA))


async def test_a_symmetric_key_in_a_public_set_is_not_used(issuer: Issuer) -> None:
    secret = base64url(b"s" * 32)
    issuer.body = json.dumps({"keys": [{"kty": "oct", "k": secret, "kid": "a"}]}).encode()
    payload = {"aud": "clarion", "sub": "ada", "tenant": "acme", "exp": NOW + 60}
    forged = jwt.encode(payload, "s" * 32, algorithm="HS256", headers={"kid": "a"})
    with pytest.raises(Unauthorized):
        await issuer.verifier().verify(forged)


async def test_a_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    issuer.publish(a=RSA)
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, payload = issuer.token("a").split(".")[:2]
    forged_header = base64url(json.dumps({"alg": "HS256", "kid": "a"}).encode())
    signature = hmac.digest(pem, f"{forged_header}.{payload}".encode(), "sha256")
    assert header != forged_header
    with pytest.raises(Unauthorized):
        await issuer.verifier().verify(f"{forged_header}.{payload}.{base64url(signature)}")


async def test_a_token_without_kid_is_for_the_only_key(issuer: Issuer) -> None:
    issuer.publish(a=RSA)
    assert (await issuer.verifier().verify(issuer.token(None, RSA))).subscriber == "ada"
    issuer.publish(a=RSA, b=EC)
    with pytest.raises(Unauthorized):
        await issuer.verifier().verify(issuer.token(None, RSA))


async def test_secret_and_issuer_stand_side_by_side(issuer: Issuer) -> None:
    issuer.publish(a=RSA)
    verifier = open_verifier(secret="s" * 32, jwks_url=issuer.url)
    minted, _ = mint_token("s" * 32, tenant="acme", subscriber="eve", ttl_s=60)
    assert (await verifier.verify(minted)).subscriber == "eve"
    assert (await verifier.verify(issuer.token("a", exp=time.time() + 60))).subscriber == "ada"


@pytest.mark.parametrize(
    "url", ["http://keys.example/jwks", "file:///etc/passwd", "ftp://a/b", "https://", "keys"]
)
def test_keys_come_over_https_only(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https://"):
        JwksVerifier(url)
