"""JSON bodies, looked at before a framework reads them."""

from __future__ import annotations

from clarion.contracts.media import JSON, MERGE_PATCH, charset, media_type, without_bom
from clarion.contracts.validation import decode_json
from clarion.errors import UnsupportedMedia


def sound_json(content_type: str, body: bytes) -> bytes:
    """The body, of which a byte order mark is taken away.

    Raises `UnsupportedMedia` for another content type, and `BadRequest` or `Invalid` for what is
    not JSON that PostgreSQL and JSON clients can hold.
    """
    if not body:
        return body
    media = media_type(content_type)
    if media not in (JSON, MERGE_PATCH):
        raise UnsupportedMedia(f"Send the body as JSON, with Content-Type: {JSON}.")
    if charset(content_type) not in ("utf-8", "utf8"):
        raise UnsupportedMedia("Send the body as UTF-8.")
    sound = without_bom(body)
    decode_json(sound)
    return sound
