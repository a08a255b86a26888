"""Answers of `POST /v1/events`: all ids, or one outcome for each event."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from clarion.contracts.validation import Parsed
from clarion.errors import FieldError, Refused
from services.gateway.ingest.request_parser import ParsedRequest
from services.gateway.metrics import REFUSED

MAX_ERRORS_OF_ONE = 10
"""Faults listed per event, so that the answer to an array of invalid ones stays small."""

_encode = msgspec.json.encode


class Answer(NamedTuple):
    """A status and its JSON."""

    status: int
    body: bytes


NOTHING = Answer(204, b"")


def answer_to(request: ParsedRequest, ids: list[str]) -> Answer:
    """`ids` are those of the accepted events."""
    if request.outcomes is None:
        return Answer(202, b'{"accepted":%d,"ids":%b}' % (len(ids), _encode(ids)))
    remaining = iter(ids)
    items = [
        {"id": next(remaining)} if isinstance(one, Parsed) else _refusal(one)
        for one in request.outcomes
    ]
    return Answer(207, _encode({"accepted": len(ids), "items": items}))


def _refusal(problem: Refused) -> dict[str, Any]:
    REFUSED.labels(problem.code).inc()
    named = problem.errors[:MAX_ERRORS_OF_ONE] or (FieldError("body", problem.detail),)
    errors = [{"field": fault.field, "message": fault.message} for fault in named]
    return {"code": problem.code, "detail": problem.detail, "errors": errors}
