"""Answers with JSON written by a caller: copied verbatim, never parsed."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from pydantic import TypeAdapter
from starlette.responses import Response

from clarion.contracts.media import JSON

_encode = msgspec.json.Encoder().encode


def answer(model: Any, value: Any) -> Response:
    """`value` as `model` shows it; `msgspec.Raw` inside it is copied."""
    adapter = _adapter(model)
    shown = adapter.dump_python(adapter.validate_python(value))
    return Response(_encode(shown), media_type=JSON)


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)
