"""`clarion watch`: a subscriber's live feed in a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.lifecycle.event_loop import run
from services.cli.arguments import Subscriber, Tenant, Url
from services.cli.credentials import find_token_secret, gateway_url

TOKEN_TTL_S = 3600


def watch(
    subscriber: Subscriber,
    tenant: Tenant = "default",
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print raw frames.")] = False,
) -> None:
    """Follow a subscriber's feed until Ctrl-C.

    Reconnects after a lost connection and resumes. The token is signed with
    CLARION_TOKEN_SECRET, or with the secret of `clarion dev`.
    """
    from clarion.tokens.subscriber import mint_token
    from services.cli.watched_feed import WatchedFeed

    secret = find_token_secret()
    address = gateway_url(url).replace("http", "ws", 1) + "/v1/live"

    def new_token() -> str:
        minted, _ = mint_token(secret, tenant=tenant, subscriber=subscriber, ttl_s=TOKEN_TTL_S)
        return minted

    run(lambda: WatchedFeed(address, new_token, as_json=as_json).follow())
