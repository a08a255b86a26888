"""What travels on `clarion.events` for an audience larger than one transaction.

An event whose audience is over `SLICE_SIZE` is planned in slices, each its own message and
transaction: a crash resumes at a slice, and an urgent event passes between two. A slice is a hint;
its row in `slices` says whether it is still to be planned.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

SLICE_CONTENT_TYPE = "application/vnd.clarion.slice+json"
SLICE_SIZE = 1_000


class Slice(Struct, frozen=True):
    """The next `SLICE_SIZE` members of `topic` whose id is greater than `after`."""

    v: Literal[1]
    event: UUID
    topic: str
    after: str
    traceparent: str
