"""The command; prints findings as they come."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.errors import ConfigurationError
from clarion.lifecycle.event_loop import run
from services.cli.credentials import find_token_secret
from services.cli.doctor.finding import Finding

SUBJECT = "clarion-doctor"
"""The subscriber for the test of the feed; it has no inbox."""
TOKEN_TTL_S = 60


def doctor(
    url: Annotated[
        str | None,
        typer.Option(
            help="Public address: check from outside, as a browser does, the proxy in front of "
            "Clarion, instead of this machine's settings."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="Subscriber token for --url. Default: one signed with CLARION_TOKEN_SECRET, or "
            "with the secret of `clarion dev`."
        ),
    ] = None,
) -> None:
    """Check settings, broker, database, ports and mail servers; with --url also the public address.

    Prints each fault with its remedy and exits with status 1 if there is any. Changes nothing.
    """
    from services.cli.doctor.checks import findings, findings_outside
    from services.cli.doctor.public_address import PublicAddress

    if token is not None and url is None:
        raise ConfigurationError("--token: it is for --url, which gives the public address.")
    tried = findings() if url is None else findings_outside(PublicAddress.parse(url), _token(token))
    wrong: list[Finding] = []

    async def check() -> None:
        async for finding in tried:
            typer.echo(text_of(finding))
            if not finding.ok:
                wrong.append(finding)

    run(check)
    if wrong:
        typer.echo(f"{len(wrong)} to fix.", err=True)
        raise typer.Exit(1)
    typer.echo("All is well.")


def _token(given: str | None) -> str | None:
    """A token to listen with; `None` where there is none and no secret to sign one."""
    from clarion.tokens.subscriber import mint_token

    if given is not None:
        return given
    try:
        secret = find_token_secret()
    except ConfigurationError:
        return None
    return mint_token(secret, tenant="default", subscriber=SUBJECT, ttl_s=TOKEN_TTL_S)[0]


def text_of(finding: Finding) -> str:
    """Print the finding, and under it the remedy."""
    mark = "ok  " if finding.ok else "FAIL"
    text = f"{mark} {finding.subject}: {finding.sentence}"
    return text if finding.ok else f"{text}\n     {finding.remedy}"
