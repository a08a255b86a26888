"""Types shared by the requests and answers of the REST calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from clarion.contracts.error_words import described
from clarion.contracts.ids import SUBSCRIBER_ID, SUBSCRIBER_ID_WORDS

ID_PATTERN = described(f"^{SUBSCRIBER_ID}$", f"must be {SUBSCRIBER_ID_WORDS}")
NO_NUL = described(r"^[^\x00]*$", "must not hold the character U+0000")
CURSOR_PATTERN = described("^[A-Za-z0-9_-]*$", "must be the next_cursor of a page of this list")

T = TypeVar("T")


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`: such times sort as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
Identifier = Annotated[str, Field(pattern=ID_PATTERN)]


class Given(BaseModel):
    """A request body or query: unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(Given):
    """Size and start of a page."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = Field(default=None, max_length=1024, pattern=CURSOR_PATTERN)


class Items(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last. A page looks at a bounded number of rows, so it
    may be short or empty: continue while `next_cursor` is set."""

    items: list[T]
    next_cursor: str | None
