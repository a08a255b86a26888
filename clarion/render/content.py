"""Rendered content of a delivery, independent of the channel."""

from __future__ import annotations

from msgspec import Struct


class RenderedContent(Struct, frozen=True):
    """Plain text, before it becomes a message of a channel."""

    title: str
    body: str | None = None
    url: str | None = None

    @property
    def link(self) -> str | None:
        """`url` if it works outside a web page, else None."""
        absolute = self.url is not None and self.url.startswith(("https://", "http://", "mailto:"))
        return self.url if absolute else None
