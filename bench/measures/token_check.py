"""Subscriber tokens checked: Clarion's own check of HS256 beside PyJWT, which does the same.

Both run in this process and end in the same value; see `docs/decisions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.lib.events import TOKEN_SECRET, names
from bench.lib.ground import Ground
from bench.lib.results import Figure, Report
from clarion.tokens.subscriber import SecretVerifier, mint_token, read_token

TOKENS = 2_000
ROUNDS = 5

Check = Callable[[str], object]


async def measure(_: Ground) -> Report:
    """Clarion's check, then PyJWT's."""
    tokens = [
        mint_token(TOKEN_SECRET, tenant="default", subscriber=name, ttl_s=3600)[0]
        for name in names(TOKENS)
    ]
    verifier = SecretVerifier(TOKEN_SECRET)
    key = TOKEN_SECRET.encode()

    def by_pyjwt(token: str) -> object:
        return read_token(token, key, "HS256", time.time())

    ours = _timed("clarion", verifier.verify_now, tokens)
    return Report([ours, _timed("PyJWT", by_pyjwt, tokens)])


def _timed(contender: str, check: Check, tokens: list[str]) -> Figure:
    """The best of a few rounds: what disturbs a round only makes it slower."""
    rate = max(_round(check, tokens) for _ in range(ROUNDS))
    return Figure("token", contender, "tokens per CPU s", rate=rate)


def _round(check: Check, tokens: list[str]) -> float:
    began = time.process_time()
    for token in tokens:
        check(token)
    return len(tokens) / (time.process_time() - began)
