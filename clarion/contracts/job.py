"""What travels on `clarion.deliveries`: deliveries that are due, by id.

A job is a hint as well: the state of the delivery in PostgreSQL says whether there is work.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

JOBS_CONTENT_TYPE = "application/vnd.clarion.jobs+json"
MAX_JOBS = 32


class Job(Struct, frozen=True):
    """One delivery to carry out."""

    delivery: UUID
    traceparent: str


class Jobs(Struct, frozen=True):
    """Up to `MAX_JOBS` jobs of one channel and lane."""

    v: Literal[1]
    jobs: list[Job]
