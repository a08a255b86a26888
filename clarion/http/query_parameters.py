"""Parameters of a query that a route does not know are refused, not ignored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from clarion.contracts.unknown_fields import unknown
from clarion.errors import FieldError, Invalid
from clarion.http.field_words import field_path

MAX_NAMED = 10


def only_known_parameters(also: Collection[str] = ()) -> Callable[[Request], None]:
    """A dependency for routers; `also` is what others than the route read, such as a proxy.

    Raises `Invalid` that names each parameter which is not documented. Where a model holds the
    parameters, it refuses them.
    """

    def check(request: Request) -> None:
        route = request.scope.get("route")
        if not request.scope["query_string"] or not isinstance(route, APIRoute):
            return
        known = frozenset(_names(route.dependant))
        wrong = [name for name in request.query_params if name not in known | frozenset(also)]
        if wrong:
            faults = [
                FieldError(field_path(("query", name)), unknown(name, known, "parameter"))
                for name in wrong[:MAX_NAMED]
            ]
            what = "1 field is" if len(faults) == 1 else f"{len(faults)} fields are"
            raise Invalid(f"{what} not as documented.", errors=faults)

    return check


def _names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from annotation.model_fields
        else:
            yield parameter.alias
    for inner in dependant.dependencies:
        yield from _names(inner)
