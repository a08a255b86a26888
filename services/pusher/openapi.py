"""The OpenAPI document of the pusher."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from clarion.http.api_examples import add_examples, read_examples
from clarion.http.methods import with_heads


def install_openapi(app: FastAPI) -> None:
    """Add HEAD and examples to `app.openapi()`."""
    plain = app.openapi
    made: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        if not made:
            made.append(with_heads(add_examples(plain(), read_examples("services.pusher"))))
        return made[0]

    app.openapi = document
