"""What a delivery says, before it is made into a message of a channel."""

from __future__ import annotations

from msgspec import Struct


class RenderedContent(Struct, frozen=True):
    """What a delivery says, rendered: plain text."""

    title: str
    body: str | None = None
    url: str | None = None

    @property
    def link(self) -> str | None:
        """`url` where it leads somewhere without a page around it."""
        absolute = self.url is not None and self.url.startswith(("https://", "http://", "mailto:"))
        return self.url if absolute else None
