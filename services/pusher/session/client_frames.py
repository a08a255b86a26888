"""Parses client frames; an invalid one becomes the `error` frame to answer with."""

from __future__ import annotations

from typing import Any

import msgspec

from clarion.contracts.frames import AnyClientFrame, Command, ErrorFrame
from clarion.contracts.media import BOM, without_bom
from clarion.contracts.moments import without_leap_seconds
from services.pusher.inbox.keyed_commands import is_key
from services.pusher.wire.frame_faults import (
    FIELD_RULES,
    FRAME_TYPES,
    MAX_REF_CHARACTERS,
    frame_faults,
    type_fault,
)

_unreadable = (msgspec.MsgspecError, RecursionError, ValueError, OverflowError)

_frame = msgspec.json.Decoder(AnyClientFrame)
_object = msgspec.json.Decoder(dict[str, Any])


def read_frame(payload: bytes) -> AnyClientFrame | ErrorFrame | None:
    """The frame, or the error to answer with (`malformed`, `unknown_type`, `invalid`). `None` for
    an unknown type without a `ref`: a newer client sent it and expects no answer."""
    if payload[:1] == BOM[:1]:
        payload = without_bom(payload)
    try:
        frame = _frame.decode(payload)
    except msgspec.ValidationError:
        changed = without_leap_seconds(payload)
        if changed is not None:
            return read_frame(changed)
        return _refusal(payload)
    except _unreadable:
        return ErrorFrame(code="malformed", detail="The frame is not JSON.")
    if not is_short(frame.ref):
        return ErrorFrame(code="invalid", detail=f"`ref` {FIELD_RULES['ref']}.")
    if isinstance(frame, Command) and (frame.ids is None) == (frame.up_to is None):
        return ErrorFrame(code="invalid", detail="Give either `ids` or `up_to`.", ref=frame.ref)
    if isinstance(frame, Command) and frame.category is not None and frame.up_to is None:
        detail = "`category` goes with `up_to`, not with `ids`."
        return ErrorFrame(code="invalid", detail=detail, ref=frame.ref)
    if isinstance(frame, Command) and frame.key is not None and not is_key(frame.key):
        return ErrorFrame(code="invalid", detail=f"`key` {FIELD_RULES['key']}.", ref=frame.ref)
    return frame


def is_short(ref: object) -> bool:
    """Whether a `ref` may be echoed in an answer."""
    if isinstance(ref, str):
        return len(ref) <= MAX_REF_CHARACTERS
    return ref is None or (isinstance(ref, int) and -(2**63) <= ref < 2**64)


def _refusal(payload: bytes) -> ErrorFrame | None:
    try:
        found = _object.decode(payload)
    except _unreadable:
        return ErrorFrame(code="invalid", detail="The frame is not a JSON object.")
    ref = found.get("ref")
    if isinstance(ref, bool) or not is_short(ref):
        ref = None
    kind = found.get("type")
    if isinstance(kind, str) and kind not in FRAME_TYPES and found.get("ref") is None:
        return None
    if not isinstance(kind, str) or kind not in FRAME_TYPES:
        return ErrorFrame(code="unknown_type", detail=type_fault(kind), ref=ref)
    return ErrorFrame(code="invalid", detail=frame_faults(found), ref=ref)
