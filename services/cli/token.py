"""`clarion token`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.arguments import Subscriber, Tenant
from services.cli.credentials import find_token_secret


def token(
    subscriber: Subscriber,
    tenant: Tenant = "default",
    ttl: Annotated[int, typer.Option(min=10, max=86_400, help="Seconds until it expires.")] = 3600,
    publish: Annotated[
        list[str] | None, typer.Option(help="Topic that it may publish to; repeatable.")
    ] = None,
) -> None:
    """Print a token that opens one subscriber's feed.

    Signed with CLARION_TOKEN_SECRET, or with the secret of `clarion dev`.
    """
    from clarion.tokens.subscriber import mint_token

    minted, expires_at = mint_token(
        find_token_secret(), tenant=tenant, subscriber=subscriber, ttl_s=ttl, publish=publish or ()
    )
    typer.echo(f"Expires at {expires_at:%Y-%m-%dT%H:%M:%SZ}.", err=True)
    typer.echo(minted)
