"""The ids of operations in OpenAPI documents: what generators of clients name their methods by.

An id is the method and the path: `GET /v1/events/{event_id}` is `get_event`, `POST
/v1/topics/{topic_id}/subscribers` is `post_topic_subscribers`. So it changes with the path only,
not with the code.
"""

from __future__ import annotations

import re

from fastapi.routing import APIRoute

VERSION = re.compile(r"^/v\d+(?=/)")
PARAMETER = re.compile(r"\{(\w+?)(?:_id)?(?::\w+)?\}")


def operation_id(route: APIRoute) -> str:
    """As `generate_unique_id_function` of FastAPI."""
    return id_of(min(route.methods or {"GET"}), route.path)


def id_of(method: str, path: str) -> str:
    """A collection followed by one of its members is named by the member."""
    words: list[str] = []
    for segment in VERSION.sub("", path).strip("/").split("/"):
        parameter = PARAMETER.fullmatch(segment)
        if parameter is None:
            words.append(segment)
        elif words and words[-1] == parameter[1]:
            words.append("by_id")
        else:
            words[-1:] = [parameter[1]]
    return "_".join([method.lower(), *words]).replace("-", "_")
