"""`clarion emit`: send one event, as a service would."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from services.cli.arguments import Url
from services.cli.credentials import gateway_url


def emit(
    type: Annotated[str, typer.Argument(help="Type of the event, such as order.shipped.")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="user:ID or topic:ID; repeatable. Default: as defined by the workflow."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="JSON data for templates.")] = None,
    title: Annotated[str | None, typer.Option(help="What is shown.")] = None,
    body: Annotated[str | None, typer.Option(help="The text under the title.")] = None,
    link: Annotated[str | None, typer.Option(help="Where a click leads.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="inbox, email, sms, ...; repeatable.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="What preferences go by.")] = None,
    lane: Annotated[str | None, typer.Option(help="urgent or normal.")] = None,
    id: Annotated[str | None, typer.Option(help="Idempotency key: a repeat is ignored.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Source of the event; part of its identity.")
    ] = None,
    url: Url = None,
) -> None:
    """Send one event to the gateway and print its id.

    The key is CLARION_API_KEY, or that of `clarion dev`.
    """
    from services.cli.posted_event import post_event

    event: dict[str, Any] = {
        "type": type,
        "id": id,
        "source": source,
        "to": to,
        "data": parsed(data),
        "content": content(title, body, link),
        "channels": channel,
        "category": category,
        "lane": lane,
    }
    accepted = post_event(
        gateway_url(url), {name: value for name, value in event.items() if value is not None}
    )
    typer.echo(accepted["ids"][0])


def content(title: str | None, body: str | None, link: str | None) -> dict[str, str] | None:
    """What is to be shown; a title is needed for the rest."""
    given = {"title": title, "body": body, "url": link}
    found = {name: value for name, value in given.items() if value is not None}
    if found and title is None:
        raise typer.BadParameter("--body and --link need a --title.")
    return found or None


def parsed(data: str | None) -> Any:
    """`--data` as a value."""
    try:
        return None if data is None else json.loads(data)
    except ValueError as error:
        raise typer.BadParameter("It is not JSON.", param_hint="--data") from error
