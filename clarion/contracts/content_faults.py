"""What of a content no look at a type can check."""

from __future__ import annotations

from collections.abc import Iterator

from clarion.contracts.event import Content
from clarion.contracts.field_faults import expected
from clarion.contracts.ids import holds_control
from clarion.contracts.visible import is_blank
from clarion.errors import FieldError


def content_faults(content: Content) -> Iterator[FieldError]:
    """Links that a browser reads as others than they look, and texts that show nothing."""
    for name, link in (("content.url", content.url), ("content.image", content.image)):
        if link and ("\\" in link or holds_control(link)):
            yield FieldError(name, expected(name))
    for name, text in (("content.title", content.title), ("content.actor", content.actor)):
        if text is not None and is_blank(text):
            yield FieldError(name, expected(name))
