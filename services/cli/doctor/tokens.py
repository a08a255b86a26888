"""Whether subscriber tokens can be checked."""

from __future__ import annotations

from pathlib import Path

import httpx2

from clarion.errors import ConfigurationError
from clarion.tokens.jwks import checked_url, fetch, usable_keys
from services.cli.credentials import TOKEN_SECRET_FILE
from services.cli.doctor.finding import Finding
from services.pusher.settings import PusherSettings


async def check_tokens(settings: PusherSettings) -> list[Finding]:
    """A secret, or keys that can be fetched."""
    found: list[Finding] = []
    if settings.token_secret:
        found.append(Finding("tokens", "There is a secret that signs and verifies them."))
    if settings.token_jwks_url:
        found.append(await _keys(settings.token_jwks_url))
    if not found and (Path(settings.data_dir) / TOKEN_SECRET_FILE).exists():
        found.append(Finding("tokens", "There is a secret that `clarion dev` made."))
    return found or [
        Finding(
            "tokens",
            "There is neither a secret nor a JWKS address.",
            "Set CLARION_TOKEN_SECRET to the output of: openssl rand -hex 32",
        )
    ]


async def _keys(url: str) -> Finding:
    remedy = "Check CLARION_TOKEN_JWKS_URL and the way to it."
    try:
        keys = usable_keys(await fetch(checked_url(url)))
    except ConfigurationError as error:
        return Finding("tokens", str(error), remedy)
    except (httpx2.HTTPError, TimeoutError, ValueError) as error:
        return Finding("tokens", f"No keys can be fetched ({type(error).__name__}).", remedy)
    if not keys:
        return Finding("tokens", "None of the keys is for RS256, ES256 or EdDSA.", remedy)
    return Finding("tokens", f"The JWKS has {len(keys)} usable keys.")
