"""Content types, read the same way everywhere."""

from __future__ import annotations

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
BOM = b"\xef\xbb\xbf"


def without_bom(body: bytes) -> bytes:
    """Without the byte order mark that some editors write before JSON."""
    return body.removeprefix(BOM)


def media_type(content_type: str | None) -> str:
    """The media type in lower case without its parameters; JSON where none is given."""
    if not content_type:
        return JSON
    return content_type.partition(";")[0].strip().lower()


def is_utf8(content_type: str) -> bool:
    """Whether text of this type can be read as UTF-8."""
    return charset(content_type) in ("utf-8", "utf8", "us-ascii")


def charset(content_type: str) -> str:
    """The `charset` parameter in lower case; utf-8 where there is none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"
