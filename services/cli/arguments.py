"""Arguments that several commands share."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from clarion.contracts.ids import SUBSCRIBER_ID_PATTERN


def checked_id(value: str) -> str:
    """An id of a subscriber or a tenant. Raises `typer.BadParameter`."""
    if not re.match(SUBSCRIBER_ID_PATTERN, value):
        raise typer.BadParameter("1 to 128 of A-Z a-z 0-9 . _ : @ -")
    return value


Subscriber = Annotated[str, typer.Argument(callback=checked_id, help="The subscriber's id.")]
Tenant = Annotated[str, typer.Option("--tenant", callback=checked_id, help="The tenant.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of Clarion. Default: CLARION_URL, else this machine and CLARION_PORT.",
    ),
]
