"""The log line of a refused request, found by the `trace_id` of a 4xx.

It holds the route template, the names of the wrong fields and the faults, but no input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from clarion.errors import FieldError

MAX_FIELDS = 10
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,63}")
CONVERTER = re.compile(r":\w+}")
UNKNOWN = "?"

_current: ContextVar[Scope | None] = ContextVar("clarion_request", default=None)

log = structlog.get_logger("clarion.http")


def note_request(scope: Scope) -> None:
    """Make this the request of the running task."""
    _current.set(scope)


def log_refusal(
    status: int,
    code: str,
    trace_id: str,
    errors: Sequence[FieldError] = (),
    *,
    method: str | None = None,
    route: str | None = None,
) -> None:
    """Log a refusal; `method` and `route` are the current request's unless given."""
    scope: Scope = _current.get() or {}
    log.info(
        "request_refused",
        method=method or scope.get("method", UNKNOWN),
        route=route or template_of(scope),
        status=status,
        code=code,
        fields=[_name(one) for one in errors[:MAX_FIELDS]],
        trace_id=trace_id,
    )


def template_of(scope: Scope) -> str:
    """The template of the request's route, such as `/v1/events/{event_id}`; `?` for none."""
    route: Any = scope.get("route")
    return CONVERTER.sub("}", getattr(route, "path", UNKNOWN))


def find_route(routes: Iterable[BaseRoute], scope: Scope) -> None:
    """Note the route of a request that is refused before it is routed."""
    for route in routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE and hasattr(route, "path"):
            scope["route"] = route
            return


def _name(error: FieldError) -> str:
    """The name of a field of ours: one that does not exist is the caller's word."""
    if error.message.startswith("is not a ") or not NAME.fullmatch(error.field):
        return UNKNOWN
    return error.field
