"""Whether browsers reach Clarion through its reverse proxy: `clarion doctor --url`.

Everything is tried from outside, at the public address, the way a page does it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from clarion.errors import ConfigurationError
from services.cli.doctor.finding import Finding

TIMEOUT_S = 10.0
OLDEST_VERSION = "HTTP/1.0"
ROUTES = "/v1/live, /v1/inbox and /v1/tickets go to the pusher, all else of /v1/ to the gateway."


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Where browsers find Clarion; `base` is the whole address, perhaps with a path."""

    base: str
    origin: str

    @classmethod
    def parse(cls, url: str) -> PublicAddress:
        """Raises `ConfigurationError`."""
        parts = urlsplit(url)
        has_more = parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in ("http", "https") or not parts.hostname or has_more:
            raise ConfigurationError("--url: write the public address, such as https://example.com")
        origin = f"{parts.scheme}://{parts.netloc}"
        return cls(origin + parts.path.rstrip("/"), origin)

    def websocket(self) -> str:
        """The address of the live feed."""
        return self.base.replace("http", "ws", 1) + "/v1/live"

    def trust(self) -> ssl.SSLContext | None:
        """The system's authorities, or those of `SSL_CERT_FILE`; `None` without encryption."""
        return ssl.create_default_context() if self.base.startswith("https:") else None

    def client(self, **options: Any) -> httpx2.AsyncClient:
        """For requests to paths below the address."""
        trust = self.trust()
        verify = trust if trust is not None else True
        return httpx2.AsyncClient(base_url=self.base, verify=verify, timeout=TIMEOUT_S, **options)


async def check_routes(address: PublicAddress) -> AsyncIterator[Finding]:
    """Whether gateway and pusher are asked; each is known by an answer that only it gives."""
    async with address.client() as client:
        for name, path, status in (("gateway", "/v1/events", 405), ("pusher", "/v1/live", 426)):
            subject = f"{name} at {path}"
            try:
                answer = await client.get(path)
            except httpx2.HTTPError as error:
                yield Finding(subject, f"It does not answer: {cause_of(error)}.", away(error))
                return
            yield _route(subject, answer, status)
            if name == "gateway":
                yield _version(answer)


def _route(subject: str, answer: httpx2.Response, status: int) -> Finding:
    if answer.status_code == status:
        return Finding(subject, "It answers.")
    if answer.is_redirect:
        return Finding(
            subject,
            "The address redirects to another.",
            "Give --url the address after the redirect.",
        )
    if answer.status_code >= 500:
        sentence = f"It does not answer: the proxy says {answer.status_code}."
        return Finding(subject, sentence, "Start it, or correct its address in the proxy.")
    sentence = f"Another server answers there (with {answer.status_code}, not {status})."
    return Finding(subject, sentence, f"Correct the routes of the proxy: {ROUTES}")


def _version(answer: httpx2.Response) -> Finding:
    if answer.http_version == OLDEST_VERSION:
        return Finding(
            "HTTP version",
            "The proxy speaks HTTP/1.0 to browsers: no WebSocket can be opened.",
            "Have it speak HTTP/1.1 or newer on both sides.",
        )
    return Finding("HTTP version", f"{answer.http_version} is spoken.")


async def check_body_limit(address: PublicAddress, max_bytes: int) -> Finding:
    """Whether the largest body that the gateway takes reaches it; it is sent without a key."""
    subject = "body limit"
    remedy = (
        f"Let the proxy pass bodies of {max_bytes} bytes (CLARION_MAX_BODY_BYTES) on; nginx: "
        "client_max_body_size."
    )
    async with address.client() as client:
        try:
            answer = await client.post("/v1/events", content=b" " * max_bytes)
        except httpx2.HTTPError as error:
            sentence = f"A body of {max_bytes} bytes does not arrive: {cause_of(error)}."
            return Finding(subject, sentence, remedy)
    if answer.status_code == 413:
        return Finding(subject, f"A body of {max_bytes} bytes is refused by a proxy.", remedy)
    if answer.status_code not in (401, 429):
        sentence = f"A body of {max_bytes} bytes is answered with {answer.status_code}."
        return Finding(subject, sentence, remedy)
    return Finding(subject, f"Bodies of {max_bytes} bytes arrive.")


def cause_of(error: BaseException) -> str:
    """The fault of the connection, without an address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not hold ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS fails"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def away(error: BaseException) -> str:
    """The remedy if nothing answers."""
    if "certificate" in cause_of(error):
        return "Repair the certificate of the proxy; SSL_CERT_FILE names an authority of your own."
    return "Check the address, the name's DNS entry, the proxy and the firewall."
