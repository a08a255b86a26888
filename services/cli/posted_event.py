"""One event by HTTP, and the gateway's answer for a person."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx2
import typer

from clarion.errors import Unavailable
from services.cli.credentials import find_api_key

TIMEOUT_S = 15.0


def post_event(base_url: str, event: dict[str, Any]) -> dict[str, Any]:
    """The gateway's answer. Ends the command with a sentence where it is not a 202."""
    try:
        response = httpx2.post(
            f"{base_url}/v1/events",
            json=event,
            headers={"authorization": f"Bearer {find_api_key()}"},
            timeout=TIMEOUT_S,
        )
    except httpx2.HTTPError as error:
        raise Unavailable(
            f"No gateway answers at {base_url} ({error.__class__.__name__})."
        ) from error
    if response.status_code != HTTPStatus.ACCEPTED:
        raise typer.Exit(tell(response))
    return response.json()


def tell(response: httpx2.Response) -> int:
    """Print a problem document; return the exit status."""
    try:
        problem = response.json()
        typer.echo(
            f"clarion: {problem['detail']} ({response.status_code}, {problem['code']})", err=True
        )
        for one in problem.get("errors", ()):
            typer.echo(f"  {one['field']}: {one['message']}", err=True)
    except (ValueError, KeyError, TypeError):
        typer.echo(f"clarion: The gateway answered {response.status_code}.", err=True)
    return 1
