"""What the page is made of: package data, read once."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from mimetypes import types_map

FOLDER = "static"
PACKED = ("swagger-ui-bundle.js", "swagger-ui.css")
PLAIN = ("page.js", "page.css", "LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")
PAGE = "page.html"
DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `content` is packed by gzip where `is_packed`."""

    media_type: str
    content: bytes
    is_packed: bool

    def unpacked(self) -> bytes:
        """As it is to be shown."""
        return gzip.decompress(self.content) if self.is_packed else self.content


@cache
def assets() -> dict[str, Asset]:
    """By name."""
    packed = {name: Asset(_media_type(name), _read(f"{name}.gz"), True) for name in PACKED}
    return packed | {name: Asset(_media_type(name), _read(name), False) for name in PLAIN}


@cache
def digest() -> str:
    """Changes with every asset: browsers may cache what is below it without a limit."""
    content = b"".join(name.encode() + asset.content for name, asset in assets().items())
    return hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS]


def page_of(document: str) -> bytes:
    """The page that shows the document at this address, seen from the page."""
    text = _read(PAGE).decode()
    return text.replace("{digest}", digest()).replace("{document}", document).encode()


def _media_type(name: str) -> str:
    suffix = name[name.rfind(".") :] if "." in name else ".txt"
    kind = types_map.get(suffix, "text/plain")
    return f"{kind}; charset=utf-8"


def _read(name: str) -> bytes:
    return (files("clarion.http.viewer") / FOLDER / name).read_bytes()
